from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from backslide.core.results import Estimate
from backslide.redteam.domain.contrast import mover, sidak
from backslide.stats import Interval, tango_interval, wilson_interval


def _proportion(k: int, n: int) -> Estimate:
    found = wilson_interval(k, n)
    assert isinstance(found, Interval)
    return Estimate(value=k / n, low=found.low, high=found.high, confidence=0.95, method="Wilson")


def test_newcombe_1998_table_ii() -> None:
    """56/70 - 48/80 by method 10: 0.0524 to 0.3339."""
    found = mover(_proportion(56, 70), _proportion(48, 80))
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == (
        pytest.approx(0.0524, abs=5e-5),
        pytest.approx(0.3339, abs=5e-5),
    )


def test_unequal_confidence_is_refused() -> None:
    one = Estimate(value=0.1, low=0, high=0.2, confidence=0.9, method="")
    with pytest.raises(ValueError, match="confidence"):
        mover(one, _proportion(1, 2))


def test_coverage_of_a_difference_of_drops() -> None:
    """Drops of 0.4 (60 probes) and 0.05 (24 probes): the 95 % interval holds the truth."""
    rng = np.random.default_rng(0)
    interval = cache(tango_interval)
    covered = 0
    for _ in range(600):
        both = []
        for n, loss, gain in ((60, 0.42, 0.02), (24, 0.07, 0.02)):
            b, c, _ = rng.multinomial(n, [loss, gain, 1 - loss - gain])
            found = interval(int(b), int(c), n)
            assert isinstance(found, Interval)
            both.append(
                Estimate(
                    value=(b - c) / n, low=found.low, high=found.high, confidence=0.95, method=""
                )
            )
        covered += mover(*both).low <= 0.35 <= mover(*both).high
    assert 0.93 <= covered / 600 <= 0.985


def test_sidak() -> None:
    # Abdi (2007), Encyclopedia of Measurement and Statistics: 0.0051 per test for 10 tests at 0.05.
    assert sidak([0.005116, *[0.5] * 9]) == pytest.approx(0.05, abs=1e-4)
    assert sidak([0.03]) == pytest.approx(0.03)
    assert sidak([1.0, 1.0]) == 1.0 and sidak([0.0, 1.0]) == 0.0
    for bad in ([], [1.2], [float("nan")]):
        with pytest.raises(ValueError, match="p values"):
            sidak(bad)


def test_sidak_keeps_the_error_for_independent_and_for_dependent_values() -> None:
    rng = np.random.default_rng(1)
    own = rng.random((4000, 9))
    assert 0.04 <= np.mean([sidak(list(r)) <= 0.05 for r in own]) <= 0.06
    shared = np.where(rng.random((4000, 9)) < 0.6, rng.random((4000, 1)), own)
    assert np.mean([sidak(list(r)) <= 0.05 for r in shared]) <= 0.05
