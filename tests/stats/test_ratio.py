"""The relative drop."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from backslide.stats import Unavailable, normal_quantile, relative_drop


@pytest.mark.parametrize(
    # Base and tuned are swapped where the source divides the other way.
    "table, confidence, ratio, low, high, digits",
    [
        ((59, 16, 6, 80), 0.95, 0.8667, 0.7476, 0.9876, 5e-5),  # Cavo (2012)
        ((446, 16, 5, 690), 0.90, 0.9762, 0.958, 0.992, 5e-4),  # Tang et al. (2003)
        ((43, 1, 0, 0), 0.90, 0.9773, 0.904, 1.039, 5e-4),  # contact lenses
    ],
)
def test_published_ratios(table, confidence, ratio, low, high, digits):
    result = relative_drop(*table, confidence)
    assert result.ratio == pytest.approx(ratio, abs=5e-5)
    assert 1 - result.high == pytest.approx(low, abs=digits)
    assert 1 - result.low == pytest.approx(high, abs=digits)
    assert result.relative_drop == pytest.approx(1 - result.ratio)


def score_by_numerical_likelihood(table, ratio):
    """The score statistic of the ratio with all nuisances fitted by a general optimiser."""
    counts = np.array(table, dtype=float)
    n11, b, c, _ = counts

    def cells(parameters):
        base, both = 1 / (1 + np.exp(-parameters))
        base *= min(1.0, 1 / ratio)
        # Both safe is at most the smaller margin, at least what the margins force.
        least, most = max(0.0, base * (1 + ratio) - 1), base * min(1.0, ratio)
        p11 = least + both * (most - least)
        return np.array([p11, base - p11, ratio * base - p11, 1 - base - ratio * base + p11])

    def minus_log_likelihood(parameters):
        return -(counts * np.log(np.maximum(cells(parameters), 1e-300))).sum()

    starts = [(-1, 0), (1, 2), (3, 3), (0, -2)]
    fits = [
        scipy.optimize.minimize(
            minus_log_likelihood,
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000},
        )
        for start in starts
    ]
    p11, loss, gain, _ = cells(min(fits, key=lambda fit: fit.fun).x)
    base, tuned = p11 + loss, p11 + gain
    variance = counts.sum() * (tuned + ratio**2 * base - 2 * ratio * p11)
    return (n11 + c - ratio * (n11 + b)) / np.sqrt(variance)


@pytest.mark.parametrize("table", [(59, 16, 6, 80), (20, 5, 9, 6), (446, 16, 5, 690)])
def test_bounds_invert_the_score_of_the_constrained_likelihood(table):
    result = relative_drop(*table)
    z = normal_quantile(0.975)
    lower, upper = 1 - result.high, 1 - result.low
    assert score_by_numerical_likelihood(table, lower) == pytest.approx(z, abs=2e-4)
    assert score_by_numerical_likelihood(table, upper) == pytest.approx(-z, abs=2e-4)


cells = st.tuples(*[st.floats(0, 500)] * 4).filter(lambda table: table[0] + table[1] > 1e-3)


@given(cells, st.floats(0.5, 0.999))
def test_contains_the_estimate(table, confidence):
    result = relative_drop(*table, confidence)
    assert result.low <= result.relative_drop + 1e-9 * result.ratio
    assert result.relative_drop - 1e-9 * result.ratio <= result.high <= 1


@given(cells, st.floats(0, 1e5))
def test_pairs_safe_in_neither_arm_say_nothing(table, n00):
    assert relative_drop(*table) == relative_drop(*table[:3], n00)


@given(cells)
def test_exchanging_the_arms_inverts_the_ratio(table):
    n11, b, c, n00 = table
    if n11 + c < 1e-3:
        return
    one, other = relative_drop(n11, b, c, n00), relative_drop(n11, c, b, n00)
    assert (1 - one.low) * (1 - other.high) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("table", [(500, 0, 0, 0), (499, 1, 0, 0), (480, 20, 0, 0)])
def test_near_a_base_rate_of_one(table):
    result = relative_drop(*table)
    assert result.low < result.relative_drop < result.high < 0.1


def test_near_a_base_rate_of_zero():
    result = relative_drop(0, 1, 3, 96)
    assert result.ratio == 3
    assert result.low < -2 < result.high < 1
    assert relative_drop(0, 5, 0, 95).high == 1


def test_a_base_that_is_never_safe_has_no_relative_drop():
    assert isinstance(relative_drop(0, 0, 4, 96), Unavailable)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="must be a count"):
        relative_drop(1, -1, 0, 0)
    with pytest.raises(ValueError, match="confidence"):
        relative_drop(1, 1, 0, 0, 2)
