"""The focus over the real asker: every answer, reply and verdict comes back from disk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from backslide.audit.progress import Silent
from backslide.audit.redteam.arms import Arms
from backslide.audit.redteam.asker import RunAsker
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.ledger import Ledger
from backslide.audit.redteam.talk import Talk
from backslide.core.records import Request
from backslide.judges.rules import RulesJudge
from backslide.redteam.adaptive import ATTACKS
from backslide.redteam.adaptive.run import run
from backslide.store.redteam import RedTeamRun
from backslide.targets.scripted import ScriptedTarget

from .scripts import Model, chats_then_yields, fresh, holds, plan_of

PLAN = plan_of(6, attacks=ATTACKS)


def recorded(
    place: Path, counts: Counter[str], *, attacker: bool = True, fail_at: int | None = None
) -> RunAsker:
    """A real asker; ``fail_at`` breaks off at this query of the tuned model."""
    script = fresh()

    def counted(name: str, model: Model) -> ScriptedTarget:
        def answer(request: Request) -> str:
            counts[name] += 1
            if name == "tuned" and counts[name] == fail_at:
                raise KeyboardInterrupt
            return str(model(request))

        return ScriptedTarget(answer, batch_size=4)

    openers = {
        "base": lambda: counted("base", holds),
        "tuned": lambda: counted("tuned", chats_then_yields(1)),
    }
    if attacker:
        openers["attacker"] = lambda: counted("attacker", lambda r: script(r.prompt))
    place.mkdir(parents=True, exist_ok=True)
    store = RedTeamRun(place)
    store.directory.mkdir(parents=True, exist_ok=True)
    store.repair()
    return RunAsker(
        focus="adaptive",
        ledger=Ledger(store),
        arms=Arms(openers, {}),
        judge_by=RulesJudge(),
        seed=3,
        clock=Clock("adaptive", None),
        talk=Talk("adaptive", Silent()),
        attacker_model="scripted",
    )


def test_a_second_process_asks_nothing_and_says_the_same(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    first = run(recorded(tmp_path, counts), PLAN)
    assert {c.pairs for c in first.comparisons} == {6}
    before = dict(counts)
    assert before.keys() == {"base", "tuned", "attacker"}
    assert run(recorded(tmp_path, counts), PLAN) == first
    assert dict(counts) == before


def test_a_run_that_broke_off_ends_as_one_that_did_not(tmp_path: Path) -> None:
    whole = run(recorded(tmp_path / "whole", Counter()), PLAN)
    counts: Counter[str] = Counter()
    with pytest.raises(KeyboardInterrupt):
        run(recorded(tmp_path / "broken", counts, fail_at=9), PLAN)
    base = counts["base"]
    assert run(recorded(tmp_path / "broken", counts), PLAN) == whole
    again = run(recorded(tmp_path / "broken", Counter()), PLAN)
    assert again == whole
    assert base > 0


def test_two_answers_to_one_goal_have_their_own_verdicts(tmp_path: Path) -> None:
    """The judge is asked about the goal each time; the verdicts must not be taken for one."""
    found = run(recorded(tmp_path, Counter()), plan_of(6, attacks=("goat",)))
    told = next(n for n in found.notes if "held by turn" in n)
    assert "1: 6/6 / 6/6; 2: 6/6 / 0/6" in told


def test_without_an_attacker_the_real_asker_makes_the_focus_absent(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    found = run(recorded(tmp_path, counts, attacker=False), PLAN)
    assert (
        found.absent
        == "no attacker was named; --attacker MODEL names the model that writes " + ("the attacks")
    )
    assert not counts
