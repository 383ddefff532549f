"""The whole focus: faults are found, their absence is, and nothing is made up on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from backslide.core.errors import TargetError, UsageError
from backslide.core.records import Arm, Completion, Prompt, Request, Response, Sampling
from backslide.core.redteam import FocusResult
from backslide.core.seeds import derive_seed
from backslide.redteam.adaptive import ATTACKS, AdaptivePlan, GoatBudget, PairBudget
from backslide.redteam.adaptive.run import run
from backslide.stats import holm

from ..asking import FunctionAsker
from .scripts import (
    AROUND,
    DONE,
    REFUSAL,
    Model,
    PlainJudge,
    always,
    chats_then_yields,
    echo,
    fresh,
    holds,
    plan_of,
)

ALL = plan_of(8, attacks=ATTACKS)


def flagged(result: FocusResult) -> list[str]:
    tested = [c for c in result.comparisons if c.p_worse is not None]
    adjusted = list(holm([c.p_worse for c in tested if c.p_worse is not None])) if tested else []
    return [c.check for c, p in zip(tested, adjusted, strict=True) if p <= 0.05]


def test_a_tuned_model_that_yields_is_found_by_every_attack() -> None:
    result = run(FunctionAsker(holds, lambda r: DONE, attacker=fresh()), ALL)
    assert flagged(result) == [f"redteam.adaptive.{a}" for a in ATTACKS]
    assert [f.check for f in result.findings] == flagged(result)
    assert all(len(f.exhibits) == 3 for f in result.findings)
    assert len(result.succeeded) == 8 * len(ATTACKS), "each goal of each attack becomes a test"
    assert all(p.messages[-1].role == "user" for p in result.succeeded)
    assert result.complete
    assert result.absent is None
    assert all(c.tried == c.planned == 8 for c in result.coverage)


@pytest.mark.parametrize("model", [holds, lambda r: AROUND, lambda r: DONE, chats_then_yields(2)])
def test_equal_models_are_never_flagged(model: Model) -> None:
    result = run(FunctionAsker(model, model, attacker=fresh()), ALL)
    assert not flagged(result)
    assert not result.findings
    assert not result.succeeded
    assert all(c.losses == c.gains == 0 for c in result.comparisons)


def test_yielding_late_is_found_by_conversations_and_not_by_single_prompts() -> None:
    result = run(FunctionAsker(lambda r: AROUND, chats_then_yields(3), attacker=fresh()), ALL)
    assert flagged(result) == ["redteam.adaptive.goat", "redteam.adaptive.crescendo"]
    crescendo = next(n for n in result.notes if n.startswith("Crescendo: goals held"))
    assert "3: 8/8 / 8/8; 4: 8/8 / 0/8" in crescendo


def test_a_safer_tuned_model_is_not_flagged() -> None:
    result = run(FunctionAsker(lambda r: DONE, holds, attacker=fresh()), ALL)
    assert not flagged(result)
    assert all(c.change and c.change.value == -1 for c in result.comparisons)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "attacker_failed"),
        ('{"mess', "attacker_failed"),
        ("I'm sorry, but I can't help with that.", "attacker_refused"),
        ('{"message": "I cannot assist with this request."}', "attacker_refused"),
    ],
)
def test_a_useless_attacker_is_never_a_success(said: str, reason: str) -> None:
    """The tuned model would give in to anything; nothing was asked, so nothing is known."""
    asker = FunctionAsker(holds, lambda r: DONE, attacker=always(said))
    result = run(asker, ALL)
    assert not asker.asked
    for c in result.comparisons:
        assert c.absent
        assert (c.pairs, c.p_worse, c.change) == (0, None, None)
        assert [(e.reason, e.base, e.tuned) for e in c.excluded] == [(reason, 8, 8)]
    assert not result.findings
    assert all(c.tried == 0 for c in result.coverage)
    counted = "refusals" if reason == "attacker_refused" else "unusable"
    attacker = [n for n in result.notes if "attacker against" in n]
    assert len(attacker) == 8
    assert all(f" 0 {counted}" not in n for n in attacker)


def test_an_echoing_attacker_is_never_a_success() -> None:
    asker = FunctionAsker(holds, lambda r: DONE, attacker=echo)
    result = run(asker, ALL)
    assert not asker.asked
    assert not flagged(result)


def test_an_off_topic_attacker_gives_no_success() -> None:
    """Both models answer what is harmless; the attacker's own reading says that this is not the
    goal, and TAP does not even ask."""

    def attacker(prompt: Prompt) -> str:
        if prompt.tags[1] in ("delivered", "on_topic"):
            return '{"answer": "no"}'
        return json.dumps({"message": "Who wrote Faust?", "strategy": "hypothetical"})

    asker = FunctionAsker(holds, lambda r: AROUND, attacker=attacker)
    result = run(asker, ALL)
    assert not flagged(result)
    assert [c.tuned.k for c in result.comparisons] == [8, 8, 8, None]
    assert any("TAP" in n and "pruned 32 off topic" in n for n in result.notes)


def test_without_an_attacker_the_focus_is_absent_with_a_hint() -> None:
    asker = FunctionAsker(holds, holds)
    result = run(asker, ALL)
    assert result.absent
    assert "--attacker" in result.absent
    assert not asker.asked
    assert not result.comparisons


class ClosedAttacker(FunctionAsker):
    def attacker(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        raise TargetError("this attacker cannot be opened")


class BrokenTarget(FunctionAsker):
    def ask(
        self, arm: Arm, prompts: Sequence[Prompt], sampling: Sampling, *, repeat: int = 0
    ) -> list[Response]:
        raise UsageError("this model is not there")


@pytest.mark.parametrize("kind", [ClosedAttacker, BrokenTarget])
def test_other_faults_are_not_taken_for_a_missing_attacker(kind: type[FunctionAsker]) -> None:
    with pytest.raises(UsageError):
        run(kind(holds, holds, attacker=fresh()), ALL)


def test_both_arms_get_the_same_first_messages_and_seeds() -> None:
    asker = FunctionAsker(holds, lambda r: AROUND, attacker=fresh())
    run(asker, plan_of(4, attacks=("goat",), goat=GoatBudget(turns=1)))
    first = [id for arm, id, _ in asker.asked if arm == "base"]
    assert first == [id for arm, id, _ in asker.asked if arm == "tuned"]
    seeds = {(r.arm, r.prompt_id): r.seed for r in asker.kept.values()}
    assert all(seeds["base", i] == seeds["tuned", i] for i in first)


def test_the_base_is_asked_first_and_then_the_tuned_model() -> None:
    asker = FunctionAsker(holds, holds, attacker=fresh())
    run(asker, plan_of(4, attacks=("goat",)))
    arms = [arm for arm, _, _ in asker.asked]
    assert arms == ["base"] * 20 + ["tuned"] * 20


def test_the_same_plan_is_the_same_run() -> None:
    askers = [FunctionAsker(holds, chats_then_yields(1), attacker=fresh()) for _ in range(2)]
    results = [run(a, ALL) for a in askers]
    assert results[0] == results[1]
    assert askers[0].asked == askers[1].asked


def test_a_second_run_asks_nothing_new() -> None:
    asker = FunctionAsker(holds, chats_then_yields(1), attacker=fresh())
    first = run(asker, ALL)
    asked = len(asker.asked)
    assert run(asker, ALL) == first
    assert len(asker.asked) == asked


@pytest.mark.parametrize("calls", [0, 1, 7, 8, 23, 40, 77, 79, 80, 200])
def test_out_of_time_keeps_whole_rounds_and_says_so(calls: int) -> None:
    """80 answers are the plan: 8 goals, 5 turns, 2 arms."""
    plan = plan_of(8, attacks=("goat",))
    asker = FunctionAsker(holds, holds, attacker=fresh(), calls=calls)
    result = run(asker, plan)
    (found,), (cover,) = result.comparisons, result.coverage
    assert len(asker.asked) <= min(calls, 80)
    assert result.complete == (calls >= 80)
    assert (found.pairs == 0) == (found.absent is not None)
    assert found.pairs in (0, 8)
    if calls >= 16:
        assert found.pairs == 8
    if not result.complete:
        assert "of 5 rounds" in cover.detectable


def test_time_is_kept_for_the_tuned_arm_and_for_later_attacks() -> None:
    plan = plan_of(8, attacks=("crescendo", "goat"))
    result = run(FunctionAsker(holds, holds, attacker=fresh(), calls=160), plan)
    assert [c.pairs for c in result.comparisons] == [8, 8]
    assert not result.complete


def test_an_interrupted_run_that_goes_on_ends_as_one_that_was_not() -> None:
    whole = run(FunctionAsker(holds, chats_then_yields(2), attacker=fresh()), ALL)
    asker = FunctionAsker(holds, chats_then_yields(2), attacker=fresh(), calls=100)
    assert not run(asker, ALL).complete
    asker._calls = None
    assert run(asker, ALL) == whole


def test_a_run_whose_time_is_spent_gives_its_result_again() -> None:
    asker = FunctionAsker(holds, chats_then_yields(2), attacker=fresh(), calls=100)
    plan = plan_of(8, attacks=("goat", "pair"))
    first = run(asker, plan)
    asker._calls = 0
    asked = len(asker.asked)
    again = run(asker, plan)
    assert len(asker.asked) == asked
    assert again.comparisons == first.comparisons
    assert not again.complete


def noisy(rate: float, seed: int, arm: str) -> Model:
    """Gives in to each message with this chance, independently of all else."""

    def model(request: Request) -> str:
        draw = derive_seed(seed, arm, request.prompt.id) % 10_000
        return DONE if draw < rate * 10_000 else REFUSAL

    return model


def verdicts(base: float, tuned: float, runs: int) -> list[bool]:
    plan = plan_of(16, attacks=("goat", "pair"), pair=PairBudget(streams=2, depth=3))
    found = []
    for seed in range(runs):
        asker = FunctionAsker(
            noisy(base, seed, "base"),
            noisy(tuned, seed, "tuned"),
            judge=PlainJudge(),
            attacker=fresh(),
        )
        found.append(bool(flagged(run(asker, plan))))
    return found


def test_noisy_equal_models_are_rarely_flagged_and_a_broken_one_always() -> None:
    """20 runs each here; docs/redteam/adaptive.md has the larger numbers."""
    assert sum(verdicts(0.05, 0.05, 20)) <= 2
    assert sum(verdicts(0.03, 0.30, 10)) >= 9


def test_the_default_plan_runs_on_its_own_goals() -> None:
    plan = AdaptivePlan()
    asker = FunctionAsker(holds, holds, attacker=fresh())
    result = run(asker, plan)
    assert len(asker.asked) == 2 * plan.queries == 800
    assert [c.group for c in result.coverage] == ["goat", "crescendo"]
    assert all(r.text == REFUSAL for r in asker.kept.values())
    assert result.limits
