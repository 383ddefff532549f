"""Variance over repeats."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from backslide.stats import (
    Unavailable,
    count_variance,
    paired_variance_test,
    repeat_variance,
    variance_shift,
)

from .scenarios import repeated


@given(
    st.integers(2, 12).flatmap(
        lambda k: st.lists(
            st.lists(st.integers(0, 1), min_size=k, max_size=k), min_size=1, max_size=20
        )
    )
)
def test_is_the_sample_variance(labels):
    expected = np.var(labels, axis=1, ddof=1)
    np.testing.assert_allclose(repeat_variance(labels), expected, atol=1e-12)


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.8])
def test_has_no_bias_for_any_number_of_repeats(k, p):
    s = np.arange(k + 1)
    expectation = scipy.stats.binom.pmf(s, k, p) @ count_variance(s, np.full(k + 1, k))
    assert expectation == pytest.approx(p * (1 - p))


def test_singletons_are_the_paired_t_test():
    rng = np.random.default_rng(17)
    base, tuned = repeated(rng, 100, 5, 0.8, 0.6, tuned_icc=0.4)
    k = np.full(100, 5)
    shift = variance_shift(base, k, tuned, k, np.arange(100))
    first, second = count_variance(base, k), count_variance(tuned, k)
    reference = scipy.stats.ttest_rel(second, first, alternative="greater")
    assert shift.p == pytest.approx(reference.pvalue)
    assert shift.difference == pytest.approx((second - first).mean())
    assert shift.low < shift.difference < shift.high
    test = paired_variance_test(base, k, tuned, k, np.arange(100))
    assert test.p == shift.p
    assert test.statistic == pytest.approx(reference.statistic)


def test_alternatives():
    rng = np.random.default_rng(18)
    base, tuned = repeated(rng, 60, 4, 0.8, 0.6, tuned_icc=0.4)
    k = np.full(60, 4)
    sides = {
        side: variance_shift(base, k, tuned, k, np.arange(60), alternative=side).p
        for side in ("greater", "less", "two-sided")
    }
    assert sides["greater"] + sides["less"] == pytest.approx(1)
    assert sides["two-sided"] == pytest.approx(2 * min(sides["greater"], sides["less"]))
    mirrored = variance_shift(tuned, k, base, k, np.arange(60), alternative="less")
    assert mirrored.p == pytest.approx(sides["greater"])


def test_prompts_with_too_few_repeats_are_left_out():
    rng = np.random.default_rng(19)
    base, tuned = repeated(rng, 50, 5, 0.7, 0.5)
    k = np.full(50, 5)
    short = np.where(np.arange(50) < 20, 1, 5)
    capped = np.minimum(tuned, short)
    shift = variance_shift(base, k, capped, short, np.arange(50))
    alone = variance_shift(base[20:], k[20:], tuned[20:], k[20:], np.arange(30))
    assert shift == alone
    assert shift.prompts == 30


def test_too_little_is_no_number():
    k = np.full(30, 3)
    some = np.tile([0, 1, 3], 10)
    few = variance_shift(some[:19], k[:19], some[:19], k[:19], np.arange(19))
    assert isinstance(few, Unavailable)
    assert "19 prompts" in few.reason
    never = paired_variance_test(k, k, k, k, np.arange(30))
    assert isinstance(never, Unavailable)
    assert isinstance(repeat_variance(np.ones((5, 1))), Unavailable)


@pytest.mark.parametrize(
    "call",
    [
        lambda: repeat_variance([0, 1]),
        lambda: repeat_variance([[0, 2]]),
        lambda: count_variance([3], [2]),
        lambda: count_variance([1], [1]),
        lambda: variance_shift([4] * 25, [3] * 25, [1] * 25, [3] * 25, range(25)),
        lambda: variance_shift([1], [3, 3], [1], [3], [0]),
        lambda: paired_variance_test(
            [1, 0] * 15, [3] * 30, [1] * 30, [3] * 30, range(30), alternative="more"
        ),
    ],
)
def test_wrong_arguments(call):
    with pytest.raises(ValueError):
        call()
