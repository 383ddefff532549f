"""Tango's score test and interval."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from backslide.stats import (
    Unavailable,
    noninferiority,
    normal_cdf,
    normal_quantile,
    tango_interval,
    tango_test,
    tango_upper,
)


@st.composite
def tables(draw):
    """(b, c, n) with fractional counts, as clusters give them."""
    n = draw(st.floats(0.5, 2000))
    shares = draw(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 1)))
    return n * shares[0] / sum(shares), n * shares[1] / sum(shares), n


@pytest.mark.parametrize(
    # Cells are n11, b, c, n22 as published, each with b first; sources in docs/statistics.md.
    "cells, confidence, low, high, digits",
    [
        ((4, 9, 3, 16), 0.95, -0.027, 0.390, 5e-4),  # Tango (1998), section 6.2
        ((43, 0, 1, 0), 0.90, -0.096, 0.037, 5e-4),  # Tango (1998), section 6.1
        ((53, 16, 8, 9), 0.95, -0.020, 0.207, 5e-4),  # Agresti & Min (2005)
        ((1, 1, 7, 12), 0.95, -0.517, -0.026, 5e-4),  # Fagerland et al. (2014), Bentur
        ((59, 6, 16, 80), 0.95, -0.1240, -0.0054, 5e-5),  # Cavo (2012)
        ((0, 3, 0, 0), 0.95, -0.1230, 1.0, 5e-5),  # every pair a loss
    ],
)
def test_published_intervals(cells, confidence, low, high, digits):
    n11, b, c, n22 = cells
    interval = tango_interval(b, c, n11 + b + c + n22, confidence)
    assert interval.low == pytest.approx(low, abs=digits)
    assert interval.high == pytest.approx(high, abs=digits)


def test_published_statistic_at_a_margin():
    # Tango (1998), section 6.1: Z = 1.709 from 44 pairs with one discordant, margin 0.1.
    assert tango_test(1, 0, 44, margin=0.1).statistic == pytest.approx(-1.70856, abs=5e-6)


def test_without_margin_it_is_mcnemar():
    # Cavo (2012): Z -2.132, two-sided P .033006.
    result = tango_test(6, 16, 161)
    assert result.statistic == pytest.approx(-2.132, abs=5e-4)
    assert 2 * result.p == pytest.approx(0.033006, abs=5e-7)


@pytest.mark.parametrize("n", [3, 30, 500])
def test_no_discordance_has_a_closed_form(n):
    z2 = normal_quantile(0.975) ** 2
    interval = tango_interval(0, 0, n)
    assert interval.high == pytest.approx(z2 / (n + z2), abs=1e-12)
    assert interval.low == -interval.high


def score_by_numerical_likelihood(b, c, n, drop):
    """The score statistic with its nuisance fitted by a general optimiser."""

    def minus_log_likelihood(q):
        cells = np.array([q + drop, q, 1 - 2 * q - drop])
        return -(np.array([b, c, n - b - c]) * np.log(np.maximum(cells, 1e-300))).sum()

    bounds = (max(0.0, -drop), (1 - drop) / 2)
    q = scipy.optimize.minimize_scalar(
        minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}
    ).x
    return (b - c - n * drop) / np.sqrt(n * (2 * q + drop - drop * drop))


@pytest.mark.parametrize("b, c, n", [(9, 3, 32), (1, 7, 21), (12, 11, 200), (40, 2, 90)])
@pytest.mark.parametrize("margin", [-0.3, -0.05, 0.02, 0.1, 0.6])
def test_statistic_is_the_score_of_the_constrained_likelihood(b, c, n, margin):
    expected = score_by_numerical_likelihood(b, c, n, margin)
    assert tango_test(b, c, n, margin).statistic == pytest.approx(expected, abs=1e-5)


@given(tables(), st.floats(0.5, 0.999))
def test_contains_the_estimate_and_stays_inside(table, confidence):
    b, c, n = table
    interval = tango_interval(b, c, n, confidence)
    assert -1 <= interval.low <= (b - c) / n + 1e-12
    assert (b - c) / n - 1e-12 <= interval.high <= 1


@given(tables())
def test_swapping_losses_and_gains_negates(table):
    b, c, n = table
    one, other = tango_interval(b, c, n), tango_interval(c, b, n)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
    forward, backward = tango_test(b, c, n, 0.07), tango_test(c, b, n, -0.07, "greater")
    assert forward.p == pytest.approx(backward.p, abs=1e-9)


@given(tables(), st.floats(0.01, 0.6), st.floats(0.01, 0.4))
def test_certificate_and_bound_agree(table, margin, alpha):
    result = noninferiority(*table, margin, alpha)
    assert result.certified == (result.p <= alpha)
    if abs(result.upper - margin) > 1e-9:
        assert result.certified == (result.upper < margin)


@given(tables(), st.floats(0.55, 0.999))
def test_p_at_the_bound_is_alpha(table, confidence):
    b, c, n = table
    upper = float(tango_upper(b, c, n, confidence))
    if 0.001 < upper < 0.999:
        assert tango_test(b, c, n, upper).p == pytest.approx(1 - confidence, abs=1e-6)


@given(tables(), st.floats(-0.9, 0.9))
def test_alternatives_are_complements(table, margin):
    less, greater = (tango_test(*table, margin, side) for side in ("less", "greater"))
    assert less.p + greater.p == pytest.approx(1)
    assert less.p == pytest.approx(normal_cdf(less.statistic))


@given(tables(), st.floats(1.1, 20))
def test_more_of_the_same_data_narrows(table, factor):
    b, c, n = table
    small, large = tango_interval(b, c, n), tango_interval(factor * b, factor * c, factor * n)
    assert large.high - large.low <= small.high - small.low + 1e-9


def test_arrays_and_scalars_agree():
    rng = np.random.default_rng(2)
    b, c, rest = rng.integers(0, 60, (3, 500))
    n = b + c + rest + 1
    upper = tango_upper(b, c, n, 0.975)
    assert upper.shape == (500,)
    for index in range(0, 500, 25):
        interval = tango_interval(int(b[index]), int(c[index]), int(n[index]))
        assert interval.high == pytest.approx(upper[index], abs=1e-9)
    assert tango_upper(b[:, None], c[None, :5], 500).shape == (500, 5)


@pytest.mark.parametrize("n, certified", [(51, False), (52, True)])
def test_the_smallest_certifiable_size(n, certified):
    assert noninferiority(0, 0, n, 0.05).certified is certified


def test_no_pairs_no_number():
    for result in (tango_interval(0, 0, 0), tango_test(0, 0, 0), noninferiority(0, 0, 0, 0.05)):
        assert result == Unavailable("no pairs")


def test_no_discordance_without_margin_is_no_evidence():
    result = tango_test(0, 0, 40)
    assert (result.statistic, result.p) == (0.0, 0.5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tango_interval(-1, 0, 10),
        lambda: tango_interval(6, 5, 10),
        lambda: tango_interval(1, 1, 10, 1.0),
        lambda: tango_test(1, 1, 10, margin=1.0),
        lambda: tango_test(1, 1, 10, alternative="two-sided"),
        lambda: noninferiority(1, 1, 10, margin=5),
        lambda: noninferiority(1, 1, 10, margin=0.05, alpha=0),
        lambda: tango_upper([1, 2], [0, 9], [10, 10]),
        lambda: tango_upper(0, 0, 0),
        lambda: tango_upper(0, 0, 10, 0.3),
    ],
)
def test_wrong_arguments(call):
    with pytest.raises(ValueError):
        call()
