"""The records refuse to hold what is not a number."""

import math

import pytest

from backslide import stats
from backslide.stats import Interval, TestResult, Unavailable


@pytest.mark.parametrize("low, high", [(0.2, 0.1), (math.nan, 1.0), (0.0, math.inf)])
def test_an_interval_is_ordered_and_finite(low, high):
    with pytest.raises(ValueError, match="not an interval"):
        Interval(low=low, high=high, confidence=0.95, method="any")


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_a_p_value_is_a_probability(p):
    with pytest.raises(ValueError, match="not a p-value"):
        TestResult(p=p, statistic=None, method="any")


def test_records_cannot_be_changed():
    interval = Interval(low=0.0, high=1.0, confidence=0.95, method="any")
    with pytest.raises(AttributeError):
        interval.low = 0.5  # type: ignore[misc]
    assert 0.5 in interval
    assert 1.5 not in interval
    assert Unavailable("no pairs").reason == "no pairs"


def test_everything_public_is_exported_and_documented():
    for name in stats.__all__:
        assert getattr(stats, name).__doc__, name
