"""Survival curves and the paired log-rank test."""

import numpy as np
import pytest
from scipy.stats import beta, binom
from statsmodels.duration.survfunc import survdiff

from backslide.stats import Unavailable, kaplan_meier, median_time, paired_log_rank

# Freireich et al. (1963), Blood 21:699: weeks in remission of 21 pairs of leukaemia patients; one
# of each pair had 6-mercaptopurine, the other placebo. False: still in remission when last seen.
PLACEBO = [1, 22, 3, 12, 8, 17, 2, 11, 8, 12, 2, 5, 4, 15, 8, 23, 5, 11, 4, 1, 8]
TREATED = [10, 7, 32, 23, 22, 6, 16, 34, 32, 25, 11, 20, 19, 6, 17, 35, 6, 13, 9, 6, 10]
RELAPSED = [i in (0, 1, 3, 4, 5, 6, 13, 16, 17) for i in range(21)]


def test_kaplan_meier_of_the_6mp_arm():
    # Klein & Moeschberger (2003), Survival Analysis, Table 4.1A (the curve and its error).
    curve = kaplan_meier(TREATED, RELAPSED)
    found = {p.time: (p.at_risk, p.events, p.survival, p.standard_error) for p in curve if p.events}
    expected = {
        6: (21, 3, 0.857, 0.076),
        7: (17, 1, 0.807, 0.087),
        10: (15, 1, 0.753, 0.096),
        13: (12, 1, 0.690, 0.107),
        16: (11, 1, 0.627, 0.114),
        22: (7, 1, 0.538, 0.128),
        23: (6, 1, 0.448, 0.135),
    }
    assert set(found) == set(expected)
    for time, (at_risk, events, survival, error) in expected.items():
        assert found[time][:2] == (at_risk, events)
        assert found[time][2:] == pytest.approx((survival, error), abs=6e-4)
    assert median_time(curve) == 23
    assert median_time(kaplan_meier(PLACEBO, [True] * 21)) == 8


def test_pairs_of_the_6mp_trial():
    # Klein & Moeschberger (2003), section 7.5: placebo first in 18 pairs, 6-MP in 3, Z = 3.27.
    found = paired_log_rank(TREATED, RELAPSED, PLACEBO, [True] * 21, range(21), "two-sided")
    assert (found.tuned_first, found.base_first, found.together, found.open) == (18, 3, 0, 0)
    assert found.statistic == pytest.approx(3.27, abs=0.005)
    mid_p = 2 * (binom.cdf(3, 21, 0.5) - 0.5 * binom.pmf(3, 21, 0.5))
    assert found.p == pytest.approx(mid_p)
    assert 0.0005 < found.p < 0.0015


def test_it_is_the_log_rank_test_stratified_by_pair():
    rng = np.random.default_rng(5)
    times = rng.integers(1, 7, (2, 60))
    events = rng.random((2, 60)) < 0.6
    found = paired_log_rank(times[0], events[0], times[1], events[1], np.arange(60), "two-sided")
    chi_squared, _ = survdiff(
        times.ravel(), events.ravel(), np.repeat([0, 1], 60), strata=np.tile(np.arange(60), 2)
    )
    assert found.statistic**2 == pytest.approx(chi_squared)
    assert found.tuned_first + found.base_first + found.together + found.open == 60
    assert found.together > 0 < found.open


def test_at_equal_times_an_event_comes_before_the_last_sight():
    found = paired_log_rank([3, 3, 3], [0, 1, 0], [3, 3, 3], [1, 0, 0], range(3))
    assert (found.tuned_first, found.base_first, found.together, found.open) == (1, 1, 0, 1)


@pytest.mark.parametrize("events", [0, 1, 7, 20])
def test_without_censoring_the_limits_are_clopper_pearson(events):
    n = 20
    point = kaplan_meier([1] * n, [i < events for i in range(n)])[-1]
    low = 0.0 if events == n else beta.ppf(0.025, n - events, events + 1)
    high = 1.0 if events == 0 else beta.ppf(0.975, n - events + 1, events)
    assert (point.low, point.high) == pytest.approx((low, high), abs=1e-9)
    assert point.low <= point.survival <= point.high
    assert point.high > point.low


def test_two_turns_without_censoring_are_clopper_pearson_too():
    times, events = [1] * 3 + [2] * 5 + [3] * 12, [True] * 8 + [False] * 12
    point = kaplan_meier(times, events)[1]
    assert point.survival == pytest.approx(0.6)
    limits = beta.ppf(0.025, 12, 9), beta.ppf(0.975, 13, 8)
    assert (point.low, point.high) == pytest.approx(limits, abs=1e-9)


def test_censoring_widens_the_limits():
    whole = kaplan_meier([6] * 30, [False] * 30)[-1]
    torn = kaplan_meier([2] * 20 + [6] * 10, [False] * 30)[-1]
    assert (whole.survival, torn.survival) == (1.0, 1.0)
    assert torn.low < whole.low < 1.0


def test_nothing_to_look_at_is_no_number():
    assert isinstance(kaplan_meier([], []), Unavailable)
    assert isinstance(paired_log_rank([], [], [], [], []), Unavailable)
    assert isinstance(median_time(kaplan_meier([1, 2], [False, False])), Unavailable)


def test_no_informative_pair_says_nothing():
    found = paired_log_rank([2, 3], [1, 0], [2, 3], [1, 0], ["a", "b"])
    assert (found.statistic, found.p) == (0.0, 0.5)


@pytest.mark.parametrize(
    "times, events, words",
    [
        ([1, 2], [True], "equally long"),
        ([0, 2], [True, True], "above 0"),
        ([1, np.nan], [True, True], "finite"),
        ([1, 2], [1, 3], "true or false"),
    ],
)
def test_wrong_arguments(times, events, words):
    with pytest.raises(ValueError, match=words):
        kaplan_meier(times, events)


def test_unequal_arms_are_no_pairs():
    with pytest.raises(ValueError, match="no pairs"):
        paired_log_rank([1, 2], [1, 1], [1], [1], [0])


def draw(rng, pairs, hazard, turns=6, spread=1.0):
    """Pairs whose hazards a turn share a frailty: one logit per pair, and each arm's own luck."""
    frailty = rng.normal(0, spread, pairs)
    arms = []
    for h in hazard:
        p = 1 / (1 + np.exp(-(np.log(h / (1 - h)) + frailty)))
        last = rng.integers(2, turns + 1, pairs)
        yields = rng.geometric(p)
        arms += [np.minimum(yields, last), yields <= last]
    return arms


def test_the_limits_cover_and_the_test_keeps_its_size():
    rng = np.random.default_rng(8)
    truth, n, runs = 0.9**4, 40, 200
    misses = errors = found = 0
    for _ in range(runs):
        when = rng.geometric(0.1, n)
        last = rng.integers(3, 7, n)
        curve = kaplan_meier(np.minimum(when, last), when <= last)
        point = next(p for p in reversed(curve) if p.time <= 4)
        misses += not point.low <= truth <= point.high
        test = paired_log_rank(*draw(rng, n, (0.15, 0.15), spread=1.5), np.arange(n))
        errors += test.p <= 0.05
        strong = paired_log_rank(*draw(rng, n, (0.05, 0.4)), np.arange(n))
        found += strong.p <= 0.05
    # Three standard errors of 200 runs at 5 % are 4.6 points.
    assert misses / runs <= 0.096
    assert errors / runs <= 0.096
    assert found / runs >= 0.95


def test_clusters_that_move_together_count_once():
    cluster = np.repeat(np.arange(6), 5)
    sooner = np.repeat([1, 1, 1, 1, 2, 1], 5)
    args = np.full(30, 2), np.full(30, True), sooner, np.full(30, True)
    alone = paired_log_rank(*args, np.arange(30))
    grouped = paired_log_rank(*args, cluster)
    assert alone.p < 1e-6
    assert grouped.p > 0.01
