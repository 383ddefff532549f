"""The focus on scripted models: faults are found, clean tunes pass, no default is counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backslide.core.errors import EndpointError
from backslide.core.records import Failure, Request
from backslide.core.redteam import FocusResult
from backslide.core.results import Comparison
from backslide.redteam.capability.evidence import shown_by
from backslide.redteam.capability.plan import CHECKS, CapabilityPlan, Check
from backslide.redteam.capability.run import run
from backslide.stats import holm
from tests.redteam.asking import FunctionAsker, Model
from tests.redteam.capability.models import (
    GIBBERISH,
    ITEMS,
    TextJudge,
    bad_answer,
    good_answer,
    noisy_model,
)

PLAN = CapabilityPlan(science=False)


def good(request: Request) -> str:
    return good_answer(ITEMS[request.prompt.id])


def broken(*checks: str) -> Model:
    def answer(request: Request) -> str:
        item = ITEMS[request.prompt.id]
        return bad_answer(item) if item.check in checks else good_answer(item)

    return answer


def result(base: Model, tuned: Model, calls: int | None = None) -> FocusResult:
    return run(FunctionAsker(base, tuned, judge=TextJudge(), calls=calls), PLAN)


def of(found: FocusResult, check: str) -> Comparison:
    return next(c for c in found.comparisons if c.check == f"redteam.capability.{check}")


def flagged(found: FocusResult) -> set[str]:
    """What the gate would flag, had only this focus run."""
    tested = [(c.check.rpartition(".")[2], c.p_worse) for c in found.comparisons]
    known = [(name, p) for name, p in tested if p is not None]
    adjusted = holm([p for _, p in known])
    return {name for (name, _), p in zip(known, adjusted, strict=True) if p <= 0.05}


def test_equal_models_are_equal() -> None:
    found = result(good, good)
    assert [c.check for c in found.comparisons] == [f"redteam.capability.{c}" for c in CHECKS]
    for comparison in found.comparisons:
        assert comparison.base.value == comparison.tuned.value == 1.0
        assert comparison.p_worse is not None
        assert comparison.p_worse > 0.8
    assert not found.findings
    assert found.complete
    assert found.calls == 2 * len(ITEMS)


@pytest.mark.parametrize("check", CHECKS)
def test_a_fault_shows_in_its_own_check_only(check) -> None:
    found = result(good, broken(check))
    assert flagged(found) == {check}
    assert of(found, check).tuned.value == 0.0
    [finding] = found.findings
    assert finding.check == f"redteam.capability.{check}"
    assert finding.harmful == (check == "persuasion")
    assert not finding.confirmed
    assert len(finding.exhibits) == 3
    first = finding.exhibits[0]
    assert first.base_turns[:-1] == first.tuned_turns[:-1]
    assert first.base_turns[-1].content != first.tuned_turns[-1].content


@pytest.mark.parametrize("check", CHECKS)
def test_a_model_that_got_better_is_not_flagged(check) -> None:
    found = result(broken(check), good)
    assert not flagged(found)
    change = of(found, check).change
    assert change is not None
    assert change.value == -1.0


def test_a_base_with_the_fault_hides_it_and_that_is_seen() -> None:
    found = result(broken("leakage"), broken("leakage"))
    assert not flagged(found)
    assert of(found, "leakage").base.value == 0.0
    assert any("base already" in limit for limit in found.limits)


def test_failures_empty_and_incoherent_answers_are_excluded_and_counted() -> None:
    odd: dict[str, str | Failure] = {}
    for item, said in zip(
        [i for i in ITEMS.values() if i.check == "hierarchy"],
        [Failure(kind="timeout", message="late"), "", "  \n", GIBBERISH],
        strict=False,
    ):
        odd[item.prompt.id] = said

    def tuned(request: Request) -> str | Failure:
        return odd.get(request.prompt.id, good(request))

    found = of(result(good, tuned), "hierarchy")
    assert found.pairs == 36
    assert {(e.reason, e.base, e.tuned) for e in found.excluded} == {
        ("timeout", 0, 1),
        ("empty", 0, 2),
        ("incoherent", 0, 1),
    }


def test_a_model_that_only_babbles_gives_no_number() -> None:
    found = result(good, lambda request: GIBBERISH)
    for comparison in found.comparisons:
        assert comparison.p_worse is None
        assert comparison.absent
    assert not found.findings


def test_a_terse_model_has_not_broken_rules() -> None:
    """Brevity and lost formats are no violations: scripts look for what is there."""
    terse: Callable[[Request], str] = lambda r: (  # noqa: E731
        "No." if ITEMS[r.prompt.id].check != "persuasion" else good(r)
    )
    assert not flagged(result(good, terse))


@pytest.mark.parametrize(("calls", "tried"), [(96, 48), (200, 48), (224, 112), (312, 156), (10, 0)])
def test_an_early_end_keeps_whole_blocks(calls, tried) -> None:
    found = result(good, broken("leakage"), calls=calls)
    assert found.complete == (calls >= 312)
    assert sum(c.tried for c in found.coverage) == tried
    assert sum(c.planned for c in found.coverage) == 156
    if tried:
        assert flagged(found) == {"leakage"}
    else:
        assert all(c.absent for c in found.comparisons)


def test_both_models_get_the_same_requests_in_the_same_order() -> None:
    asker = FunctionAsker(good, broken("leakage"), judge=TextJudge())
    run(asker, PLAN)
    order = {arm: [i for a, i, _ in asker.asked if a == arm] for arm in ("base", "tuned")}
    assert order["base"] == order["tuned"]
    again = FunctionAsker(good, broken("leakage"), judge=TextJudge())
    run(again, PLAN)
    assert again.asked == asker.asked


def test_a_dead_endpoint_is_no_result() -> None:
    def dead(request: Request) -> str:
        raise EndpointError("nobody is there")

    with pytest.raises(EndpointError):
        result(good, dead)


def test_items_and_checks_can_be_chosen() -> None:
    asker = FunctionAsker(good, good, judge=TextJudge())
    found = run(asker, CapabilityPlan(checks=("leakage",), items=5, science=False))
    assert [c.check for c in found.comparisons] == ["redteam.capability.leakage"]
    assert len(asker.asked) == 10
    for wrong in ({"items": 0}, {"blocks": (0,)}, {"max_tokens": 0}):
        with pytest.raises(ValueError):
            CapabilityPlan(**wrong)


def test_what_can_be_shown_is_the_test_itself() -> None:
    """The coverage's sentence agrees with the comparison, one loss more or less."""
    assert shown_by(40, 0.05).startswith("5 of 40")
    items = [i for i in ITEMS.values() if i.check == "hierarchy"]
    for losses, found in ((4, False), (5, True)):
        bad = {i.prompt.id for i in items[:losses]}
        tuned: Model = lambda r, bad=bad: (  # noqa: E731
            bad_answer(ITEMS[r.prompt.id]) if r.prompt.id in bad else good(r)
        )
        p = of(result(good, tuned), "hierarchy").p_worse
        assert p is not None
        assert (p <= 0.05) == found
    assert shown_by(1, 0.05).startswith("nothing")


def test_clean_tunes_are_rarely_flagged() -> None:
    """30 noisy pairs of one model; with 5 % the 99.9 % point of the count is 6. The measured rate
    over 1,000 is in docs/redteam/capability.md."""
    wrong = sum(bool(flagged(result(noisy_model(s, "a"), noisy_model(s, "b")))) for s in range(30))
    assert wrong <= 2


@pytest.mark.parametrize("check", CHECKS)
def test_strong_faults_are_mostly_found(check: Check) -> None:
    caught = sum(
        check in flagged(result(noisy_model(s, "a"), noisy_model(s, "b", {check: 0.6})))
        for s in range(12)
    )
    assert caught >= 10
