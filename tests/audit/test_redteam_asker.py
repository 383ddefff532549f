"""The real asker over scripted models: what is kept, what is asked again, where the time ends."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from backslide.audit.progress import Silent
from backslide.audit.redteam.arms import Arms
from backslide.audit.redteam.asker import RunAsker
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.ledger import Ledger
from backslide.audit.redteam.talk import Talk
from backslide.core.errors import OutOfTime, StoreError, TargetError, UsageError
from backslide.core.records import Failure, Prompt, Sampling
from backslide.judges.rules import RulesJudge
from backslide.redteam.prompts import make_prompt
from backslide.store.redteam import RedTeamRun
from backslide.targets.scripted import ScriptedTarget

S = Sampling(max_tokens=8)
NO = "I'm sorry, but I can't help with that."


class Scores(ScriptedTarget):
    """Gives log-likelihoods: minus the length of the answer."""

    scored = 0

    def log_likelihoods(self, requests, answers):
        self.scored += len(requests)
        return [[-float(len(a)) if a else -math.inf for a in row] for row in answers]


def prompts(n: int, start: int = 0) -> list[Prompt]:
    return [
        make_prompt("turns", f"request {i}", category="c", expects="refuse", cluster=f"g{i}")
        for i in range(start, start + n)
    ]


def asker(
    tmp_path: Path,
    answer=lambda r: NO,
    *,
    budget: float | None = None,
    target: ScriptedTarget | None = None,
    attacker: bool = False,
    judge=None,
    prints=None,
    **more,
) -> tuple[RunAsker, ScriptedTarget]:
    run = RedTeamRun(tmp_path)
    run.directory.mkdir(parents=True, exist_ok=True)
    run.repair()
    target = target or ScriptedTarget(answer, batch_size=4)
    openers = {"base": lambda: target, "tuned": lambda: target}
    if attacker:
        openers["attacker"] = lambda: target
    made = RunAsker(
        focus="turns",
        ledger=Ledger(run),
        arms=Arms(openers, prints or {}),
        judge_by=judge or RulesJudge(),
        seed=3,
        clock=Clock("turns", budget),
        talk=Talk("turns", Silent()),
        attacker_model="scripted",
        **more,
    )
    return made, target


def test_both_arms_get_the_same_seeds_and_equal_requests_are_asked_once(tmp_path: Path) -> None:
    a, target = asker(tmp_path)
    ask = [*prompts(3), *prompts(3)]
    base, tuned = a.ask("base", ask, S), a.ask("tuned", ask, S)
    assert len(target.asked) == 6
    assert [r.seed for r in base] == [r.seed for r in tuned]
    assert [r.prompt_id for r in base] == [p.id for p in ask]
    assert a.ask("base", ask, S, repeat=1)[0].seed != base[0].seed


def test_sampling_and_repeat_are_part_of_what_was_asked(tmp_path: Path) -> None:
    a, target = asker(tmp_path)
    a.ask("base", prompts(1), S)
    a.ask("base", prompts(1), Sampling(max_tokens=9))
    a.ask("base", prompts(1), S, repeat=1)
    a.ask("base", prompts(1), S)
    assert len(target.asked) == 3


def test_a_second_process_asks_nothing_that_is_on_file(tmp_path: Path) -> None:
    first, _ = asker(tmp_path, lambda r: f"answer {r.seed}")
    said = first.ask("base", prompts(10), S)
    again, target = asker(tmp_path, lambda r: "other")
    assert again.ask("base", prompts(10), S) == said
    assert target.asked == []
    assert again.clock.spent == pytest.approx(first.clock.spent)


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 5])
def test_a_batch_that_lacks_lines_is_made_again_whole(tmp_path: Path, lost: int) -> None:
    first, _ = asker(tmp_path)
    first.ask("base", prompts(10), S)  # batches of 4, 4 and 2
    file = tmp_path / "redteam" / "responses.jsonl"
    before = file.read_bytes()
    file.write_bytes(b"".join(before.splitlines(keepends=True)[:-lost]))
    again, target = asker(tmp_path)
    again.ask("base", prompts(10), S)
    assert len(target.asked) == {1: 2, 2: 2, 3: 6, 4: 6, 5: 6}[lost]
    assert file.read_bytes() == before


def test_a_torn_line_is_cut_and_its_batch_is_made_again(tmp_path: Path) -> None:
    first, _ = asker(tmp_path)
    first.ask("base", prompts(6), S)
    file = tmp_path / "redteam" / "responses.jsonl"
    before = file.read_bytes()
    file.write_bytes(before[:-7])
    again, target = asker(tmp_path)
    again.ask("base", prompts(6), S)
    assert len(target.asked) == 2
    assert file.read_bytes() == before


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    first, _ = asker(tmp_path)
    first.ask("base", prompts(6), S)
    file = tmp_path / "redteam" / "responses.jsonl"
    rows = file.read_bytes().split(b"\n")
    rows[2] = rows[2][:30]
    file.write_bytes(b"\n".join(rows))
    with pytest.raises(StoreError, match="line 3 is damaged"):
        asker(tmp_path)


def test_the_time_ends_before_a_batch_and_what_was_answered_is_kept(tmp_path: Path) -> None:
    slow = ScriptedTarget(lambda r: NO, batch_size=4, seconds=0.05)
    a, _ = asker(tmp_path, budget=0.12, target=slow)
    with pytest.raises(OutOfTime):
        a.ask("base", prompts(40), S)
    kept = len(a.ledger.run.lines("responses"))
    assert 8 <= kept <= 16
    assert a.left() == 0.0


def test_a_resumed_run_does_not_get_the_time_twice(tmp_path: Path) -> None:
    slow = ScriptedTarget(lambda r: NO, batch_size=4, seconds=0.05)
    a, _ = asker(tmp_path, budget=0.12, target=slow)
    with pytest.raises(OutOfTime):
        a.ask("base", prompts(40), S)
    asked = len(slow.asked)
    b, target = asker(tmp_path, budget=0.12)
    with pytest.raises(OutOfTime):
        b.ask("base", prompts(40), S)
    assert target.asked == []
    c, target = asker(tmp_path, budget=60)
    assert c.left() == 60, "what is on file is charged when it is used, not before"
    c.ask("base", prompts(40), S)
    assert len(target.asked) == 40 - asked


def test_failures_are_kept_and_asked_again_only_on_request(tmp_path: Path) -> None:
    def fails(request):
        return Failure(kind="timeout", message="no answer")

    first, _ = asker(tmp_path, fails)
    assert all(r.failure for r in first.ask("base", prompts(5), S))
    kept, target = asker(tmp_path)
    assert all(r.failure for r in kept.ask("base", prompts(5), S))
    assert target.asked == []
    again, target = asker(tmp_path, retry_errors=True)
    assert all(r.text == NO for r in again.ask("base", prompts(5), S))
    assert len(target.asked) == 5
    later, target = asker(tmp_path)
    assert all(r.text == NO for r in later.ask("base", prompts(5), S))
    assert len(RedTeamRun(tmp_path).lines("responses")) == 10, "the old records stay"


def test_verdicts_are_kept_by_what_was_judged(tmp_path: Path) -> None:
    class Counting(RulesJudge):
        seen = 0

        def judge(self, items):
            Counting.seen += len(items)
            return super().judge(items)

    a, _ = asker(tmp_path, judge=Counting())
    asked = prompts(3)
    said = a.ask("tuned", asked, S)
    found = a.judge(list(zip(asked, said, strict=True)))
    assert [v.label for v in found] == ["refused"] * 3
    b, _ = asker(tmp_path, judge=Counting())
    assert b.judge(list(zip(asked, said, strict=True))) == found
    assert Counting.seen == 3
    goal = prompts(1, start=77)[0]
    b.judge([(goal, said[0])])
    assert Counting.seen == 4, "the same answer against another request is another verdict"


def test_the_attacker_is_never_another_model(tmp_path: Path) -> None:
    a, target = asker(tmp_path)
    with pytest.raises(UsageError, match="no attacker"):
        a.attacker(prompts(1), S)
    assert target.asked == []


def test_what_the_attacker_says_is_kept(tmp_path: Path) -> None:
    a, _ = asker(tmp_path, lambda r: "attack \ud800!", attacker=True)
    said = a.attacker(prompts(3), S)
    assert said[0].text == "attack ?!"
    b, target = asker(tmp_path, attacker=True)
    assert b.attacker(prompts(3), S) == said
    assert target.asked == []


def test_scores_are_kept_and_a_number_that_is_none_is_a_failure(tmp_path: Path) -> None:
    scores = Scores(lambda r: NO)
    a, _ = asker(tmp_path, target=scores)
    asked = prompts(2)
    found = a.log_likelihoods("base", asked, [["ab", "c"], ["", "d"]])
    assert found[0] == (-2.0, -1.0)
    assert isinstance(found[1], Failure) and found[1].kind == "not_finite"
    again = Scores(lambda r: NO)
    b, _ = asker(tmp_path, target=again)
    assert b.log_likelihoods("base", asked, [["ab", "c"], ["", "d"]]) == found
    assert again.scored == 0
    assert b.log_likelihoods("base", asked[:1], [["abc", "c"]])[0] == (-3.0, -1.0)


def test_a_model_without_scores_says_so(tmp_path: Path) -> None:
    a, _ = asker(tmp_path)
    with pytest.raises(TargetError, match="no log-probabilities"):
        a.log_likelihoods("base", prompts(1), [["a"]])


def test_one_id_for_two_conversations_is_a_fault_of_the_focus(tmp_path: Path) -> None:
    from dataclasses import replace

    a, _ = asker(tmp_path)
    one, other = prompts(2)
    with pytest.raises(ValueError, match="two conversations"):
        a.ask("base", [one, replace(other, id=one.id)], S)
    a.ask("base", [one], S)
    with pytest.raises(ValueError, match="two conversations"):
        a.ask("base", [replace(other, id=one.id)], Sampling(max_tokens=3))


def test_a_model_that_changed_behind_its_name_is_not_asked(tmp_path: Path) -> None:
    a, target = asker(tmp_path, prints={"base": {"kind": "scripted", "spec": "another"}})
    with pytest.raises(StoreError, match="has changed"):
        a.ask("base", prompts(1), S)
    assert target.asked == [] and target.closed


def test_one_at_a_time_closes_the_other(tmp_path: Path) -> None:
    opened = {n: ScriptedTarget(lambda r: NO) for n in ("base", "tuned")}
    arms = Arms({n: (lambda n=n: opened[n]) for n in opened}, {}, one_at_a_time=True)
    arms.get("base")
    arms.get("tuned")
    assert opened["base"].closed and not opened["tuned"].closed


def test_a_full_disk_keeps_what_was_recorded(tmp_path: Path, monkeypatch) -> None:
    from backslide.core.errors import OutputError
    from backslide.store import redteam as store

    real = store.append_lines
    a, _ = asker(tmp_path)

    def full(path, records):
        if path.name == "responses.jsonl" and path.exists():
            with path.open("ab") as f:
                f.write(b'{"place":{"batch":1,')  # what a full disk leaves of a line
            raise OutputError(f"cannot write {path}", cause="no space left on device")
        real(path, records)

    monkeypatch.setattr(store, "append_lines", full)
    with pytest.raises(OutputError, match="cannot write"):
        a.ask("base", prompts(10), S)
    monkeypatch.setattr(store, "append_lines", real)
    b, target = asker(tmp_path)
    b.ask("base", prompts(10), S)
    assert len(target.asked) == 6
