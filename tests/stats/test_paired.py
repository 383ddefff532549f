"""McNemar's tests, Newcombe's and Bonett & Price's intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.contingency_tables import mcnemar

from backslide.stats import (
    Unavailable,
    bonett_price_interval,
    mcnemar_exact,
    mcnemar_midp,
    newcombe_interval,
)

counts = st.integers(0, 150)
cells = st.tuples(counts, counts, counts, counts).filter(lambda table: sum(table) > 0)


def test_published_p_values():
    # Cavo (2012), 6 against 16 discordant pairs.
    assert mcnemar_exact(6, 16).p == pytest.approx(0.052479, abs=5e-7)
    assert mcnemar_midp(6, 16).p == pytest.approx(0.034690, abs=5e-7)


@given(counts, counts)
def test_exact_agrees_with_scipy_and_statsmodels(b, c):
    if b + c == 0:
        assert mcnemar_exact(b, c).p == 1.0
        return
    for alternative in ("two-sided", "greater", "less"):
        expected = binomtest(b, b + c, 0.5, alternative=alternative).pvalue
        assert mcnemar_exact(b, c, alternative).p == pytest.approx(expected, rel=1e-9)
    other = mcnemar([[0, b], [c, 0]], exact=True).pvalue
    assert mcnemar_exact(b, c).p == pytest.approx(other, rel=1e-9)


@given(counts, counts)
def test_midp_by_its_definition(b, c):
    n = b + c
    greater = binom.sf(b, n, 0.5) + 0.5 * binom.pmf(b, n, 0.5)
    less = binom.cdf(b - 1, n, 0.5) + 0.5 * binom.pmf(b, n, 0.5)
    assert mcnemar_midp(b, c, "greater").p == pytest.approx(greater, abs=1e-12)
    assert mcnemar_midp(b, c, "less").p == pytest.approx(less, abs=1e-12)
    assert mcnemar_midp(b, c).p == pytest.approx(min(1, 2 * min(greater, less)), abs=1e-12)


@given(st.floats(0, 200), st.floats(0, 200))
def test_effective_counts_are_interpolated(b, c):
    for test in (mcnemar_exact, mcnemar_midp):
        assert test(b + 1, c, "greater").p <= test(b, c, "greater").p + 1e-12
        assert test(b, c, "greater").p == pytest.approx(test(c, b, "less").p)
        around = [
            test(x, y).p for x in (np.floor(b), np.ceil(b)) for y in (np.floor(c), np.ceil(c))
        ]
        assert 0.5 * min(around) - 1e-9 <= test(b, c).p <= 2 * max(around) + 1e-9


@pytest.mark.parametrize(
    "table, low, high, digits",
    [
        ((59, 6, 16, 80), -0.1186, -0.0046, 5e-5),  # Cavo (2012)
        ((1, 0, 0, 1), -0.5734, 0.5734, 5e-5),
        ((14, 5, 0, 22), 0.01148, 0.22649, 5e-6),  # Altman et al. (2000), table 6.2
    ],
)
def test_published_newcombe(table, low, high, digits):
    interval = newcombe_interval(*table)
    assert interval.low == pytest.approx(low, abs=digits)
    assert interval.high == pytest.approx(high, abs=digits)


def test_published_bonett_price():
    interval = bonett_price_interval(6, 16, 161)
    assert interval.low == pytest.approx(-0.1195, abs=5e-5)
    assert interval.high == pytest.approx(-0.0032, abs=5e-5)


@given(cells)
def test_newcombe_contains_the_drop_and_mirrors(table):
    n11, b, c, n00 = table
    interval, mirrored = newcombe_interval(n11, b, c, n00), newcombe_interval(n11, c, b, n00)
    assert -1 <= interval.low <= (b - c) / sum(table) <= interval.high <= 1
    assert interval.low == pytest.approx(-mirrored.high, abs=1e-12)
    assert interval.high == pytest.approx(-mirrored.low, abs=1e-12)


@given(cells)
def test_bonett_price_contains_its_centre_and_mirrors(table):
    _, b, c, _ = table
    n = sum(table)
    interval, mirrored = bonett_price_interval(b, c, n), bonett_price_interval(c, b, n)
    assert -1 <= interval.low <= (b - c) / (n + 2) <= interval.high <= 1
    assert interval.low == pytest.approx(-mirrored.high, abs=1e-12)


def test_no_pairs_no_number():
    assert newcombe_interval(0, 0, 0, 0) == Unavailable("no pairs")
    assert bonett_price_interval(0, 0, 0) == Unavailable("no pairs")


@pytest.mark.parametrize(
    "call",
    [
        lambda: mcnemar_exact(-1, 3),
        lambda: mcnemar_midp(1, 3, "bigger"),
        lambda: newcombe_interval(5, -1, 0, 5),
        lambda: newcombe_interval(5, 1, 0, 5, 0.0),
        lambda: bonett_price_interval(8, 3, 10),
        lambda: bonett_price_interval(1, 3, 10, 95),
    ],
)
def test_wrong_arguments(call):
    with pytest.raises(ValueError):
        call()
