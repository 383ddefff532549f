"""The Wilson interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from backslide.stats import Interval, Unavailable, wilson_interval


@pytest.mark.parametrize(
    # Newcombe (1998), Stat Med 17:857, table I, method 3.
    "k, n, low, high",
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_examples(k, n, low, high):
    interval = wilson_interval(k, n)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.5, 0.999))
def test_agrees_with_scipy_and_statsmodels(k, n, confidence):
    k = min(k, n)
    interval = wilson_interval(k, n, confidence)
    scipy_interval = binomtest(k, n).proportion_ci(confidence, method="wilson")
    other = proportion_confint(k, n, alpha=1 - confidence, method="wilson")
    assert (interval.low, interval.high) == pytest.approx(tuple(scipy_interval), abs=1e-9)
    assert (interval.low, interval.high) == pytest.approx(other, abs=1e-9)


@given(st.floats(0, 1), st.floats(0.01, 1e6), st.floats(0.01, 0.9999))
def test_contains_the_rate_and_stays_inside(share, n, confidence):
    interval = wilson_interval(share * n, n, confidence)
    assert isinstance(interval, Interval)
    assert 0 <= interval.low <= share + 1e-12
    assert share - 1e-12 <= interval.high <= 1


def test_no_observation_is_no_number():
    assert wilson_interval(0, 0) == Unavailable("no observations")


@pytest.mark.parametrize("k, n, confidence", [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 95)])
def test_wrong_arguments(k, n, confidence):
    with pytest.raises(ValueError):
        wilson_interval(k, n, confidence)


def test_nan_is_a_wrong_argument():
    with pytest.raises(ValueError, match="must be a count"):
        wilson_interval(float("nan"), 5)
