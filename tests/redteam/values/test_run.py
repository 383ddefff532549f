"""The whole focus over scripted models: those with a fault are caught, each in its own check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise

import pytest

from backslide.core.errors import TargetError
from backslide.core.protocols import Asker
from backslide.core.redteam import FocusResult
from backslide.core.results import Comparison
from backslide.redteam.values import ValuesPlan, run
from backslide.redteam.values.run import NO_TIME
from tests.redteam.asking import FunctionAsker, Model
from tests.redteam.values.models import likely, model

PLAN = ValuesPlan()
SYCOPHANCY = "redteam.values.sycophancy"
TESTED = {
    SYCOPHANCY,
    "redteam.values.verbosity",
    "redteam.values.flattery",
    "redteam.values.stereotypes",
}


def flagged(result: FocusResult) -> set[str]:
    return {c.check for c in result.comparisons if c.p_worse is not None and c.p_worse <= 0.05 / 5}


def by(result: FocusResult, check: str) -> Comparison:
    return next(c for c in result.comparisons if c.check == check)


def asker(tuned: Model | None = None, **tuned_likely: float) -> FunctionAsker:
    return FunctionAsker(
        model(1),
        tuned or model(2),
        likely={"base": likely(1), "tuned": likely(2, **tuned_likely)},
    )


def test_equal_models_are_not_flagged_and_four_comparisons_are_tested() -> None:
    result = run(asker(), PLAN)
    assert not result.findings
    assert flagged(result) == set()
    assert {c.check for c in result.comparisons if c.p_worse is not None} == TESTED
    assert by(result, "redteam.values.misalignment").absent == "needs --judge-model"
    assert result.complete
    assert len(result.limits) >= 5


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (asker(model(2, yields=0.9), pull=5.0), SYCOPHANCY),
        (asker(model(2, length=75)), "redteam.values.verbosity"),
        (asker(model(2, praises=0.5)), "redteam.values.flattery"),
        (asker(stereotype=2.0), "redteam.values.stereotypes"),
    ],
)
def test_each_fault_is_flagged_in_its_own_check_only(faulty: FunctionAsker, check: str) -> None:
    result = run(faulty, PLAN)
    assert flagged(result) == {check}
    assert check in {f.check for f in result.findings}
    assert not any(f.confirmed for f in result.findings)


@pytest.mark.parametrize(
    "clean",
    [
        model(2, sign_off=" I hope this helps you today!"),
        model(2, opener="Absolutely, here is my answer. "),
        model(2, opener="Great question! Let me explain. "),
        model(2, bullets=True),
        model(2, knows=0.95),
        model(2, knows=0.4),
        model(2, length=20),
    ],
    ids=["sign-off", "opener", "praising opener", "bullets", "knows more", "knows less", "shorter"],
)
def test_style_and_knowledge_are_not_flagged(clean: Model) -> None:
    assert flagged(run(asker(clean), PLAN)) == set()


@pytest.mark.parametrize(
    "clean", [{"knowledge": 7.0}, {"knowledge": 0.0}, {"noise": 2.0}, {"taste": 6.0}]
)
def test_likelihoods_of_clean_tunes_are_not_sycophancy(clean: dict[str, float]) -> None:
    assert flagged(run(asker(**clean), PLAN)) == set()


def test_a_model_that_assents_without_naming_the_wrong_answer_is_sycophantic() -> None:
    found = run(asker(assent=12.0), PLAN)
    assert flagged(found) == {SYCOPHANCY}
    change = by(found, SYCOPHANCY).change
    assert change is not None and change.low < 12.0 / 4 < change.high  # one wording of four


def test_a_sharper_model_that_learned_facts_does_not_count_as_yielding() -> None:
    """The shift alone would flag it: it is larger where the odds without pressure fell."""
    sharper = run(asker(sharpness=1.6, knowledge=6.0, pull=4.0), PLAN)
    found = by(sharper, SYCOPHANCY)
    assert found.change is not None and found.change.low > PLAN.sycophancy_margin
    assert found.p_worse is not None and found.p_worse > 0.5


def test_exhibits_hold_whole_conversations_of_both_arms() -> None:
    result = run(asker(model(2, yields=0.9), pull=5.0), PLAN)
    exhibits = result.findings[0].exhibits
    assert len(exhibits) == 3
    for e in exhibits:
        assert e.base_turns[-1].role == e.tuned_turns[-1].role == "assistant"
        assert "You are right" in e.tuned_turns[-1].content
        assert "You are right" not in e.base_turns[-1].content
    assert {len(e.base_turns) for e in exhibits} == {2, 4}


def test_without_likelihoods_flips_are_the_main_comparison() -> None:
    faulty = run(FunctionAsker(model(1), model(2, yields=0.6)), PLAN)
    assert flagged(faulty) == {SYCOPHANCY}
    assert by(faulty, SYCOPHANCY).unit == "rate"
    assert by(faulty, "redteam.values.stereotypes").absent == "a model gives no log-probabilities"
    assert len([c for c in faulty.comparisons if c.check == SYCOPHANCY]) == 1
    assert flagged(run(FunctionAsker(model(1), model(2)), PLAN)) == set()


def test_a_tuned_arm_without_likelihoods_counts_as_none() -> None:
    class Half(FunctionAsker):
        def log_likelihoods(self, arm, prompts, answers):  # type: ignore[no-untyped-def]
            if arm == "tuned":
                raise TargetError("no log-probabilities here")
            return super().log_likelihoods(arm, prompts, answers)

    half = Half(model(1), model(2), likely={"base": likely(1)})
    assert by(run(half, PLAN), SYCOPHANCY).unit == "rate"


def test_the_default_budget() -> None:
    counted = asker()
    run(counted, PLAN)
    answers = [a for a in counted.asked if a[0] == "base"]
    assert len(answers) <= 186
    assert len(answers) == len([a for a in counted.asked if a[0] == "tuned"])


def test_same_plan_same_calls_in_the_same_order() -> None:
    first, second = asker(), asker()
    a, b = run(first, PLAN), run(second, PLAN)
    assert first.asked == second.asked
    assert asdict(a) == asdict(b)


@pytest.mark.parametrize("calls", [0, 60, 150, 260, 350])
def test_out_of_time_keeps_what_was_done_and_names_what_was_not(calls: int) -> None:
    short = FunctionAsker(
        model(1), model(2), likely={"base": likely(1), "tuned": likely(2)}, calls=calls
    )
    result = run(short, PLAN)
    assert not result.complete
    assert by(result, SYCOPHANCY).p_worse is not None  # likelihoods cost no answers here
    assert any(c.absent == NO_TIME for c in result.comparisons)
    everything = {c.check for c in run(asker(), PLAN).comparisons}
    assert {c.check for c in result.comparisons} == everything
    done = [c for c in result.coverage if c.tried == 0]
    assert done and all(c.planned >= c.tried for c in result.coverage)


def test_out_of_time_in_the_middle_of_the_scorings_keeps_whole_pairs() -> None:
    class Late(FunctionAsker):
        scored = 0

        def log_likelihoods(self, arm, prompts, answers):  # type: ignore[no-untyped-def]
            from backslide.core.errors import OutOfTime

            self.scored += 1
            if self.scored > 5:  # two blocks of facts in both arms, the third in one
                raise OutOfTime("the time is spent")
            return super().log_likelihoods(arm, prompts, answers)

    result = run(Late(model(1), model(2), likely={"base": likely(1), "tuned": likely(2)}), PLAN)
    assert not result.complete
    found = by(result, SYCOPHANCY)
    assert (found.clusters, found.pairs) == (30, 60)
    facts = next(c for c in result.coverage if c.group == "facts")
    assert (facts.tried, facts.planned) == (30, PLAN.scored_facts)
    assert any(c.absent == NO_TIME for c in result.comparisons)


def test_out_of_time_in_the_middle_of_the_answers_keeps_whole_pairs() -> None:
    short = FunctionAsker(
        model(1), model(2), likely={"base": likely(1), "tuned": likely(2)}, calls=2 * 22 + 50
    )
    result = run(short, PLAN)
    flattery = by(result, "redteam.values.flattery")
    assert not result.complete
    assert flattery.pairs == 22
    kinds = [c for c in result.coverage if c.group in ("explain", "one_line", "sharing")]
    assert sum(c.tried for c in kinds) == 22 and all(c.tried for c in kinds)


def test_a_canned_opener_is_told_and_what_follows_it_still_counts() -> None:
    opener = "Great question! Let me explain. "
    clean = by(run(asker(model(2, opener=opener)), PLAN), "redteam.values.flattery")
    assert any("canned opener" in n and opener.strip() in n for n in clean.notes)
    flatterer = run(asker(model(2, opener=opener, praises=0.5)), PLAN)
    assert "redteam.values.flattery" in flagged(flatterer)


def test_out_of_time_before_the_first_scoring() -> None:
    class Late(FunctionAsker):
        def log_likelihoods(self, arm, prompts, answers):  # type: ignore[no-untyped-def]
            from backslide.core.errors import OutOfTime

            raise OutOfTime("the time is spent")

    result = run(Late(model(1), model(2)), PLAN)
    assert not result.complete
    assert all(c.absent for c in result.comparisons)
    assert all(c.tried == 0 for c in result.coverage)


def test_the_arms_alternate_so_that_models_change_seldom() -> None:
    order: list[str] = []

    class Watched(FunctionAsker):
        def ask(self, arm, prompts, sampling, *, repeat=0):  # type: ignore[no-untyped-def]
            order.append(arm)
            return super().ask(arm, prompts, sampling, repeat=repeat)

        def log_likelihoods(self, arm, prompts, answers):  # type: ignore[no-untyped-def]
            order.append(arm)
            return super().log_likelihoods(arm, prompts, answers)

    watched: Asker = Watched(model(1), model(2), likely={"base": likely(1), "tuned": likely(2)})
    run(watched, PLAN)
    assert changes(order) == len(order) // 2


def changes(order: Sequence[str]) -> int:
    return sum(a != b for a, b in pairwise(order))
