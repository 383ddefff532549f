"""The cluster-robust mean difference."""

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from backslide.stats import Unavailable, paired_mean_difference


def test_singletons_are_the_paired_t_test():
    rng = np.random.default_rng(14)
    base, tuned = rng.normal(3, 1, (2, 40))
    shift = paired_mean_difference(base, tuned, np.arange(40))
    reference = scipy.stats.ttest_rel(tuned, base)
    low, high = reference.confidence_interval(0.95)
    assert (shift.low, shift.high) == pytest.approx((low, high))
    assert 2 * min(shift.p_less, shift.p_greater) == pytest.approx(reference.pvalue)
    assert shift.p_less == pytest.approx(scipy.stats.ttest_rel(tuned, base, alternative="less")[1])
    assert (shift.base_mean, shift.tuned_mean) == pytest.approx((base.mean(), tuned.mean()))
    assert (shift.pairs, shift.clusters) == (40, 40)


def test_equal_clusters_agree_with_statsmodels():
    rng = np.random.default_rng(15)
    cluster = np.repeat(np.arange(25), 4)
    base, tuned = rng.normal(0, 1, (2, 100)) + rng.normal(0, 1, 25)[cluster]
    tuned += rng.normal(0, 1, 25)[cluster]
    shift = paired_mean_difference(base, tuned, cluster)
    fit = sm.OLS(tuned - base, np.ones(100)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True
    )
    assert shift.difference == pytest.approx(fit.params[0])
    assert (shift.low, shift.high) == pytest.approx(tuple(fit.conf_int()[0]))


def test_unequal_clusters_match_the_matrix_formulas():
    rng = np.random.default_rng(16)
    sizes = np.array([1, 2, 2, 3, 5, 9, 14])
    cluster, n = np.repeat(np.arange(7), sizes), sizes.sum()
    values = rng.normal(0, 1, n) + rng.normal(0, 1, 7)[cluster]
    shift = paired_mean_difference(np.zeros(n), values, cluster, 0.9)
    # Bell & McCaffrey with explicit matrices: each cluster's residuals times (I - H)^(-1/2).
    residual_maker = np.eye(n) - np.ones((n, n)) / n
    weights = []
    for g, m in enumerate(sizes):
        inside = cluster == g
        eigenvalues, vectors = np.linalg.eigh(residual_maker[np.ix_(inside, inside)])
        root = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T
        weights.append(np.ones(m) @ root @ residual_maker[inside] / n)
    weights = np.array(weights)
    variance = ((weights @ values) ** 2).sum()
    spectrum = np.linalg.eigvalsh(weights @ weights.T)
    df = spectrum.sum() ** 2 / (spectrum**2).sum()
    half = scipy.stats.t.ppf(0.95, df) * np.sqrt(variance)
    assert shift.high - shift.difference == pytest.approx(half)
    assert shift.p_greater == pytest.approx(scipy.stats.t.sf(values.mean() / variance**0.5, df))


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5), st.integers(0, 9)), max_size=40))
def test_a_shift_or_a_reason(rows):
    base, tuned, cluster = np.array(rows).reshape(-1, 3).T
    shift = paired_mean_difference(base, tuned, cluster)
    if isinstance(shift, Unavailable):
        return
    assert shift.low <= shift.difference <= shift.high
    assert shift.p_less + shift.p_greater == pytest.approx(1)
    mirrored = paired_mean_difference(tuned, base, cluster)
    assert mirrored.difference == pytest.approx(-shift.difference)
    assert mirrored.p_less == pytest.approx(shift.p_greater)


def test_too_little_is_no_number():
    assert isinstance(paired_mean_difference([], [], []), Unavailable)
    assert isinstance(paired_mean_difference([1, 2], [2, 4], ["a", "a"]), Unavailable)
    constant = np.array([0.1, 0.2, 0.3])
    assert isinstance(paired_mean_difference(constant, constant + 0.7, [0, 1, 2]), Unavailable)
    assert isinstance(paired_mean_difference(constant, constant, [0, 1, 2]), Unavailable)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="equally long"):
        paired_mean_difference([1, 2], [1, 2], [0])
    with pytest.raises(ValueError, match="confidence"):
        paired_mean_difference([1, 2], [1, 3], [0, 1], 95)
