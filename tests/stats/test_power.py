"""Sample sizes and power, against the tables of the design research and by simulation."""

import numpy as np
import pytest

from backslide.stats import (
    Unavailable,
    further_pairs_to_certify,
    mcnemar_midp,
    mcnemar_power,
    noninferiority,
    noninferiority_power,
    pairs_to_certify,
    smallest_detectable_drop,
)


@pytest.mark.parametrize(
    "n, churn, expected",
    [
        (30, 0.00, (0.88, 0.75, 0.24)),
        (30, 0.05, (0.73, 0.61, 0.22)),
        (30, 0.20, (0.54, 0.40, 0.14)),
        (50, 0.10, (0.87, 0.77, 0.45)),
        (60, 0.05, (0.97, 0.93, 0.72)),
    ],
)
def test_power_for_20_points(n, churn, expected):
    power = [mcnemar_power(n, 0.2, churn, alpha) for alpha in (0.05, 0.025, 0.05 / 14)]
    assert power == pytest.approx(expected, abs=0.0055)


@pytest.mark.parametrize("psi, expected", [(0.3, 0.986), (0.38, 0.956), (0.5, 0.889)])
def test_power_of_500_pairs_for_10_points(psi, expected):
    assert mcnemar_power(500, 0.1, psi - 0.1) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("n, expected", [(30, 0.953), (40, 0.993), (50, 0.9994)])
def test_power_for_50_points_under_holm(n, expected):
    assert mcnemar_power(n, 0.5, 0.05, 0.05 / 14) == pytest.approx(expected, abs=6e-4)


def test_power_is_the_rejection_rate_of_the_test():
    rng = np.random.default_rng(3)
    tables = rng.multinomial(80, [0.15, 0.05, 0.8], size=4000)
    table, often = np.unique(tables, axis=0, return_counts=True)
    rejected = [mcnemar_midp(b, c, "greater").p <= 0.025 for b, c, _ in table]
    assert np.average(rejected, weights=often) == pytest.approx(
        mcnemar_power(80, 0.1, 0.1), abs=0.025
    )


@pytest.mark.parametrize("churn, points", [(0.02, 2.75), (0.05, 3.75), (0.10, 5.0), (0.20, 6.5)])
def test_smallest_detectable_drop(churn, points):
    drop = smallest_detectable_drop(500, churn)
    # The research table was computed in steps of a quarter point, rounded up.
    assert points - 0.26 <= 100 * drop <= points
    assert mcnemar_power(500, drop, churn) == pytest.approx(0.8, abs=1e-3)


def test_too_few_pairs_detect_nothing():
    assert isinstance(smallest_detectable_drop(3, 0.0), Unavailable)


@pytest.mark.parametrize(
    "psi, expected",
    [(0.05, 0.999), (0.08, 0.986), (0.10, 0.965), (0.15, 0.887), (0.20, 0.797), (0.30, 0.652)],
)
def test_certification_power_of_500_pairs(psi, expected):
    assert noninferiority_power(500, 0.05, psi) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(
    "psi, true_drop, alpha, n",
    [(0.05, 0.0, 0.05, 161), (0.20, 0.0, 0.05, 506), (0.10, 0.01, 0.05, 414)],
)
def test_pairs_for_80_percent_certification(psi, true_drop, alpha, n):
    assert noninferiority_power(n, 0.05, psi, true_drop, alpha) == pytest.approx(0.8, abs=0.02)


def test_certification_power_is_the_rate_of_certificates():
    rng = np.random.default_rng(4)
    tables = rng.multinomial(150, [0.04, 0.03, 0.93], size=4000)
    table, often = np.unique(tables, axis=0, return_counts=True)
    certified = [noninferiority(b, c, 150, 0.05).certified for b, c, _ in table]
    expected = noninferiority_power(150, 0.05, 0.07, 0.01)
    assert np.average(certified, weights=often) == pytest.approx(expected, abs=0.025)


@pytest.mark.parametrize(
    "losses, alpha, n",
    [(0, 0.05, 52), (1, 0.05, 87), (2, 0.05, 118), (3, 0.05, 147), (5, 0.05, 202), (0, 0.025, 73)],
)
def test_pairs_to_certify(losses, alpha, n):
    assert pairs_to_certify(0.05, losses, alpha) == n
    assert noninferiority(losses, 0, n, 0.05, alpha).certified
    assert not noninferiority(losses, 0, n - 1, 0.05, alpha).certified


@pytest.mark.parametrize("b, c, n", [(0, 0, 30), (2, 1, 60), (4, 4, 80), (1.5, 0.5, 40.0)])
def test_further_pairs_settle_the_projected_table(b, c, n):
    more = further_pairs_to_certify(b, c, n, 0.05)

    def certified(extra):
        losses, gains = (x + extra * (x + 0.5) / (n + 1) for x in (b, c))
        return noninferiority(losses, gains, n + extra, 0.05).certified

    assert more > 0
    assert certified(more)
    assert not certified(more - 1)


def test_further_pairs_at_the_ends():
    assert further_pairs_to_certify(0, 0, 100, 0.05) == 0
    assert isinstance(further_pairs_to_certify(0, 0, 0, 0.05), Unavailable)
    assert isinstance(further_pairs_to_certify(5, 0, 100, 0.05), Unavailable)
    assert isinstance(further_pairs_to_certify(5, 1, 100, 0.05, cap=1000), Unavailable)
    assert further_pairs_to_certify(5, 1, 100, 0.05) > 1000


def test_power_at_the_ends():
    assert mcnemar_power(100, 0.0, 0.0) == 0.0
    assert mcnemar_power(100, 1.0, 0.0) == 1.0
    assert noninferiority_power(51, 0.05, 0.0) == 0.0
    assert noninferiority_power(52, 0.05, 0.0) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: mcnemar_power(-1, 0.1, 0.1),
        lambda: mcnemar_power(10, 0.8, 0.3),
        lambda: mcnemar_power(10, -0.1, 0.3),
        lambda: mcnemar_power(10, 0.1, 0.1, alpha=2),
        lambda: smallest_detectable_drop(10, 0.1, power=80),
        lambda: noninferiority_power(10, 0.05, 0.01, true_drop=0.05),
        lambda: noninferiority_power(10, 0.0, 0.1),
        lambda: pairs_to_certify(0.05, -1),
        lambda: further_pairs_to_certify(6, 5, 10, 0.05),
    ],
)
def test_wrong_arguments(call):
    with pytest.raises(ValueError):
        call()
