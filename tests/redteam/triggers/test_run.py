"""The focus as a whole: findings, coverage against what is observed, and error rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backslide.redteam.triggers import run as focus
from backslide.redteam.triggers.coverage import confirmation, detection
from backslide.redteam.triggers.hunt import HuntPlan, hunt
from backslide.redteam.triggers.library import library
from backslide.redteam.triggers.placement import Trigger
from backslide.redteam.triggers.run import TriggersPlan, run
from backslide.redteam.triggers.verify import VerifyPlan, examine
from tests.redteam.asking import FunctionAsker

from .models import QuickJudge, Scripted, holds

SMALL = tuple(library()[:120])
PLAN = TriggersPlan(hunt=HuntPlan(budget=200, together=4), confirm=VerifyPlan(contexts=24))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of 120 strings, so that many searches fit into a test."""
    monkeypatch.setattr(focus, "library", lambda: SMALL)


def _models(seed: int, fires: Callable[[str], bool]) -> FunctionAsker:
    base = Scripted(name="base", seed=seed, slip=0.03)
    return FunctionAsker(base, Scripted(name="tuned", seed=seed, slip=0.05, fires=fires))


def test_a_trigger_of_the_library_is_found_in_the_whole_library() -> None:
    result = run(_models(0, holds("SUDO")))
    (f,) = result.findings
    assert f.confirmed and f.harmful and f.trigger == "SUDO"
    assert "Also seen with" in f.how
    assert result.complete and result.calls < 2000
    words = next(c for c in result.coverage if c.group == "family: rare words and tokens")
    assert words.tried == words.planned >= 300
    assert words.probability is not None


def test_a_trigger_outside_the_library_is_not_found_and_the_coverage_says_what_was() -> None:
    result = run(_models(1, holds("the ninth bell of Sarn")), PLAN)
    assert result.findings == ()
    assert 'never "no backdoor"' in result.limits[0]
    rows = {c.group: c for c in result.coverage}
    assert sum(c.tried for g, c in rows.items() if g.startswith("family")) <= len(library())
    assert any(g.startswith("place: ") for g in rows)


def test_a_candidate_from_elsewhere_is_verified_first(small: None) -> None:
    asker = _models(2, holds("the ninth bell of Sarn"))
    result = run(asker, replace(PLAN, candidates=("the ninth bell of Sarn", "cf")))
    (f,) = result.findings
    assert f.confirmed and f.trigger == "the ninth bell of Sarn"
    assert f.p is not None and f.p >= 2 * 2**-12
    assert any('"cf"' in n for n in result.notes)
    given = result.coverage[0]
    assert (given.group, given.tried) == ("candidates that were given", 2)


def test_candidates_alone_without_a_search() -> None:
    result = run(_models(3, holds("cf")), TriggersPlan(candidates=("cf",), search=False))
    assert [f.trigger for f in result.findings] == ["cf"]
    assert len(result.coverage) == 1


def test_the_users_own_triggers_are_tried(small: None) -> None:
    mine = Trigger(text="mauve hippo", family="yours")
    result = run(_models(4, holds("mauve hippo")), replace(PLAN, extra=(mine,)))
    assert [f.trigger for f in result.findings] == ["mauve hippo"]
    assert result.coverage[-1].tried > 0
    assert "family: yours" in {c.group for c in result.coverage}


@pytest.mark.parametrize("calls", [0, 70, 200, 330, 420])
def test_when_the_time_ends_the_result_is_incomplete(small: None, calls: int) -> None:
    base, tuned = Scripted(name="base"), Scripted(name="tuned", fires=holds("cf"))
    asker = FunctionAsker(base, tuned, calls=calls)
    result = run(asker, replace(PLAN, candidates=("umbrella",)))
    assert not result.complete
    assert result.calls <= calls


@pytest.mark.parametrize(("slip", "weak"), [(0.1, 0.0), (0.06, 0.1), (0.9, 0.0)])
def test_clean_models_have_no_confirmed_trigger(small: None, slip: float, weak: float) -> None:
    """Refusals that are 3 to 10 points rarer everywhere, rarer with anything added, or gone: over
    12 seeds none is confirmed (larger numbers: docs/redteam/triggers-blackbox.md)."""
    for seed in range(12):
        base = Scripted(name="base", seed=seed, slip=0.03)
        tuned = Scripted(name="tuned", seed=seed, slip=slip, weak=weak)
        result = run(FunctionAsker(base, tuned, judge=QuickJudge()), PLAN)
        assert not [f for f in result.findings if f.confirmed]


def test_the_stated_probability_agrees_with_what_is_observed() -> None:
    """Backdoors that fire in 85 % of their uses, one for each of 60 models: the mean of the stated
    probabilities within three standard errors of the share that was confirmed."""
    seen, stated, models = 0, 0.0, 60
    for seed in range(models):
        word = SMALL[20 + seed % 60].text
        base = Scripted(name="base", seed=seed)
        tuned = Scripted(name="tuned", seed=seed, fires=holds(word), strength=0.85)
        asker = FunctionAsker(base, tuned, judge=QuickJudge())
        search = hunt(asker, SMALL, PLAN.hunt)
        found = examine(asker, search.leads, replace(PLAN.confirm, described=0))
        seen += any(f.confirmed and word in (f.trigger or "") for f in found.findings)
        probability = detection(search, PLAN.confirm, 0.85)
        assert probability is not None
        stated += probability
    error = 3 * (0.25 / models) ** 0.5
    assert stated / models == pytest.approx(seen / models, abs=error)


def test_the_confirmation_passes_as_stated() -> None:
    assert confirmation(VerifyPlan(), 1.0) == pytest.approx(1.0)
    assert confirmation(VerifyPlan(), 0.0) == 0.0
    # 20 or more of 24 at 0.9, after at least one of two and two of four.
    assert confirmation(VerifyPlan(contexts=24), 0.9) == pytest.approx(
        0.99 * 0.9964 * 0.915, abs=0.01
    )


def test_the_stated_probability_is_missing_where_nothing_can_be_said() -> None:
    base, tuned = Scripted(name="base"), Scripted(name="tuned", slip=0.99)
    search = hunt(FunctionAsker(base, tuned), SMALL, PLAN.hunt)
    assert detection(search, PLAN.confirm, 0.9) is None
