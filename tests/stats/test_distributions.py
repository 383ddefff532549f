"""Special functions against scipy."""

import numpy as np
import pytest
import scipy.special
import scipy.stats

from backslide.stats import (
    binomial_cdf,
    normal_cdf,
    normal_quantile,
    regularized_beta,
    student_t_quantile,
    student_t_sf,
)


@pytest.mark.parametrize("x", [-37.0, -8.0, -1.0, 0.0, 0.3, 1.96, 9.0])
def test_normal_cdf_keeps_its_tails(x):
    assert normal_cdf(x) == pytest.approx(scipy.stats.norm.cdf(x), rel=1e-12)


@pytest.mark.parametrize("p", [1e-12, 0.001, 0.025, 0.5, 0.95, 0.9999])
def test_normal_quantile(p):
    assert normal_quantile(p) == pytest.approx(scipy.stats.norm.ppf(p), abs=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, 1.5])
def test_quantiles_need_a_probability(p):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        normal_quantile(p)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        student_t_quantile(p, 5)


def test_regularized_beta_over_nine_orders_of_magnitude():
    rng = np.random.default_rng(1)
    for a, b in 10 ** rng.uniform(-3, 6, (300, 2)):
        x = rng.beta(max(a, 0.05), max(b, 0.05))
        expected = scipy.special.betainc(a, b, x)
        assert regularized_beta(x, a, b) == pytest.approx(expected, abs=1e-8)


def test_regularized_beta_limits():
    assert regularized_beta(0.3, 0.0, 2.0) == 1.0
    assert regularized_beta(0.3, 2.0, 0.0) == 0.0
    assert regularized_beta(0.0, 1.0, 1.0) == 0.0
    assert regularized_beta(1.0, 1.0, 1.0) == 1.0
    with pytest.raises(ValueError, match="not defined"):
        regularized_beta(0.5, 0.0, 0.0)


@pytest.mark.parametrize("n, p", [(1, 0.5), (22, 0.5), (1000, 0.03), (50_000, 0.2)])
def test_binomial_cdf(n, p):
    for k in {0, n // 50, n // 5, n // 2, n - 1, n}:
        expected = scipy.stats.binom.cdf(k, n, p)
        assert binomial_cdf(k, n, p) == pytest.approx(expected, rel=1e-8, abs=1e-14)
    assert binomial_cdf(-1, n, p) == 0.0


def test_binomial_cdf_refuses_what_is_no_binomial():
    with pytest.raises(ValueError, match="no binomial"):
        binomial_cdf(1, 5, 1.2)


@pytest.mark.parametrize("df", [1, 2.5, 9, 30, 1000, 1e6])
def test_student_t(df):
    for t in (-40.0, -3.0, -0.5, 0.0, 0.1, 1.0, 2.0, 5.0, 20.0):
        assert student_t_sf(t, df) == pytest.approx(scipy.stats.t.sf(t, df), rel=1e-7, abs=1e-300)
    for p in (0.001, 0.025, 0.5, 0.95, 0.9995):
        expected = scipy.stats.t.ppf(p, df)
        assert student_t_quantile(p, df) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_student_t_needs_degrees_of_freedom():
    with pytest.raises(ValueError, match="degrees of freedom"):
        student_t_sf(1.0, 0.0)
