"""Partial pooling of category rates."""

import numpy as np
import pytest
import scipy.stats

from backslide.stats import PooledRate, Unavailable, partial_pool


def test_shrinks_towards_the_others_but_keeps_the_order():
    k, n = np.array([0, 1, 2, 3, 4]), np.full(5, 36)
    pooled = partial_pool(k, n)
    means = [rate.mean for rate in pooled]
    assert means == sorted(means)
    assert means[0] > 0 and means[-1] < 4 / 36
    for rate in pooled:
        assert 0 < rate.low < rate.mean < rate.high < 1


def test_a_bad_category_stays_visible():
    pooled = partial_pool([1] * 13 + [10], [36] * 14)
    bad, good = pooled[-1], pooled[0]
    assert bad.mean > 0.7 * bad.raw
    assert bad.low > good.high


def test_much_data_is_left_alone():
    pooled = partial_pool([50, 500, 2500], [5000, 5000, 5000])
    for rate, expected in zip(pooled, (0.01, 0.1, 0.5), strict=True):
        assert rate.mean == pytest.approx(expected, rel=0.03)
        wilson = 1.96 * np.sqrt(expected * (1 - expected) / 5000)
        assert rate.high - rate.low == pytest.approx(2 * wilson, rel=0.06)


def test_the_grid_integrates_the_model():
    # The same posterior mean by importance sampling from the prior.
    rng = np.random.default_rng(20)
    k, n, draws = np.array([1, 4, 12]), np.array([20, 25, 30]), 400_000
    mu = scipy.stats.beta.rvs(0.5, 0.5, size=draws, random_state=rng)
    mu = np.log(np.clip(mu, 1e-12, 1 - 1e-12) / (1 - np.clip(mu, 1e-12, 1 - 1e-12)))
    tau = np.abs(rng.normal(size=draws))
    theta = mu[:, None] + tau[:, None] * rng.standard_t(3, (draws, 3))
    rates = 1 / (1 + np.exp(-theta))
    weights = scipy.stats.binom.pmf(k, n, rates).prod(axis=1)
    expected = np.average(rates, axis=0, weights=weights)
    means = [rate.mean for rate in partial_pool(k, n)]
    assert means == pytest.approx(expected, abs=0.006)


def test_confidence_widens():
    narrow, wide = partial_pool([2, 5, 9], [30] * 3, 0.5), partial_pool([2, 5, 9], [30] * 3, 0.99)
    for small, large in zip(narrow, wide, strict=True):
        assert large.low < small.low < small.high < large.high
        assert small.mean == large.mean


def test_order_does_not_matter():
    one, other = partial_pool([2, 5, 9], [30, 40, 50]), partial_pool([9, 2, 5], [50, 30, 40])
    assert one[2].mean == pytest.approx(other[0].mean)


def test_too_little_is_no_number():
    pooled = partial_pool([1, 2, 3, 0], [10, 10, 10, 0])
    assert pooled[3] == Unavailable("no observations")
    assert isinstance(pooled[0], PooledRate)
    assert all(isinstance(rate, Unavailable) for rate in partial_pool([1, 2, 0], [10, 10, 0]))
    assert partial_pool([], []) == []


def test_all_or_nothing_is_finite():
    for k in ([0, 0, 0], [36, 36, 36], [0, 36, 0]):
        for rate in partial_pool(k, [36] * 3):
            assert 0 < rate.low < rate.high < 1


def test_wrong_arguments():
    with pytest.raises(ValueError, match="0 <= k <= n"):
        partial_pool([5, 1, 1], [4, 4, 4])
    with pytest.raises(ValueError, match="confidence"):
        partial_pool([1, 1, 1], [4, 4, 4], 1.0)
