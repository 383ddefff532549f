"""Tango's score method: test, interval and non-inferiority for a difference of paired rates.

Pairs are (base, tuned) outcomes of one prompt, 1 = safe. b pairs are losses (base safe, tuned
not), c are gains, and the drop is (b - c) / n: positive when the tuned model is less safe. With
a hypothesised drop D the likelihood is maximised over the gain probability q, which solves

    2 n q^2 + ((2n - b + c) D - b - c) q - c D (1 - D) = 0,

and the score statistic is (b - c - nD) / sqrt(n (2q + D - D^2)). Interval and test invert the
same statistic, so they never contradict each other.

Source: Tango (1998), Statistics in Medicine 17:891, equations 3 and 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from backslide.stats.arguments import require_choice, require_discordance, require_probability
from backslide.stats.distributions import normal_cdf, normal_quantile
from backslide.stats.result import FloatArray, Interval, TestResult, Unavailable

_NO_PAIRS = Unavailable("no pairs")


@dataclass(frozen=True, kw_only=True, slots=True)
class NonInferiority:
    """Whether the drop is shown to be below ``margin``, with its one-sided upper bound."""

    certified: bool
    upper: float
    p: float
    margin: float
    alpha: float
    n: float


def tango_upper(
    b: npt.ArrayLike, c: npt.ArrayLike, n: npt.ArrayLike, confidence_one_sided: float = 0.95
) -> FloatArray:
    """One-sided upper confidence bounds of the drop, for whole arrays of tables at once.

    Args:
        b, c, n: losses, gains and pairs (n > 0); any shapes that broadcast.
        confidence_one_sided: in [0.5, 1).

    Returns an array of the broadcast shape, in [-1, 1]. Source: Tango (1998), equation 4.
    """
    if not 0.5 <= confidence_one_sided < 1.0:
        raise ValueError(f"confidence must lie in [0.5, 1), not {confidence_one_sided}")
    losses, gains, pairs = _tables(b, c, n)
    z = normal_quantile(confidence_one_sided)
    low, high = np.minimum((losses - gains) / pairs, 1.0), np.ones(losses.shape)
    # The statistic falls as the hypothesised drop rises, so halving brackets the one root.
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = score_excess(middle, losses, gains, pairs, z) > 0.0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def score_excess(
    drop: npt.ArrayLike, b: FloatArray, c: FloatArray, n: FloatArray, z: float
) -> FloatArray:
    """(b - c - nD) + z * se(D): positive while the hypothesis D is not rejected from above.

    Written without a division, so that a standard error of 0 needs no special case.
    """
    hypothesis = np.asarray(drop, dtype=np.float64)
    variance = n * _pair_variance(hypothesis, b, c, n)
    return np.asarray(b - c - n * hypothesis + z * np.sqrt(variance), dtype=np.float64)


def _pair_variance(drop: FloatArray, b: FloatArray, c: FloatArray, n: FloatArray) -> FloatArray:
    """Variance of one pair's difference under the hypothesis, q by constrained likelihood."""
    linear = (2 * n - b + c) * drop - b - c
    constant = -c * drop * (1 - drop)
    root = np.sqrt(np.maximum(linear * linear - 8 * n * constant, 0.0))
    # Two forms of one root; each is used where the other would subtract near-equal numbers.
    divisor = np.where(linear > 0.0, linear + root, 1.0)
    gain = np.where(linear > 0.0, -2 * constant / divisor, (root - linear) / (4 * n))
    return np.asarray(np.maximum(2 * gain + drop - drop * drop, 0.0), dtype=np.float64)


def tango_interval(
    b: float, c: float, n: float, confidence: float = 0.95
) -> Interval | Unavailable:
    """Two-sided score interval of the drop (b - c) / n.

    Args:
        b, c, n: losses, gains, pairs; may be effective (fractional) counts, b + c <= n.
        confidence: two-sided, in (0, 1).

    Never degenerate: no discordant pair at all gives -+ z^2 / (n + z^2). ``Unavailable`` without
    pairs. Source: Tango (1998), equation 4.
    """
    require_discordance(b, c, n)
    require_probability("confidence", confidence)
    if n == 0:
        return _NO_PAIRS
    one_sided = 0.5 + confidence / 2
    low, high = -float(tango_upper(c, b, n, one_sided)), float(tango_upper(b, c, n, one_sided))
    return Interval(low=low, high=high, confidence=confidence, method="Tango score")


def tango_test(
    b: float,
    c: float,
    n: float,
    margin: float = 0.0,
    alternative: Literal["less", "greater"] = "less",
) -> TestResult | Unavailable:
    """Score test of the drop against ``margin`` (a fraction: 0.05 is 5 points).

    "less" has the alternative drop < margin (non-inferiority), "greater" drop > margin (harm
    beyond the margin). The statistic is the signed Z. ``Unavailable`` without pairs.
    Source: Tango (1998), equation 3.
    """
    require_discordance(b, c, n)
    require_choice("alternative", alternative, ("less", "greater"))
    if not -1.0 < margin < 1.0:
        raise ValueError(f"margin must lie strictly between -1 and 1, not {margin}")
    if n == 0:
        return _NO_PAIRS
    z = _score_statistic(b, c, n, margin)
    p = normal_cdf(z if alternative == "less" else -z)
    return TestResult(p=p, statistic=z, method="Tango score")


def _score_statistic(b: float, c: float, n: float, margin: float) -> float:
    table = (np.float64(b), np.float64(c), np.float64(n))
    variance = n * float(_pair_variance(np.asarray(margin), *map(np.asarray, table)))
    # Zero variance means margin 0 without a discordant pair: no evidence either way.
    return (b - c - n * margin) / math.sqrt(variance) if variance > 0.0 else 0.0


def noninferiority(
    b: float, c: float, n: float, margin: float, alpha: float = 0.05
) -> NonInferiority | Unavailable:
    """Is the drop shown to be smaller than ``margin``?

    Args:
        b, c, n: losses, gains, pairs; may be effective (fractional) counts.
        margin: the largest tolerable drop, a fraction in (0, 1).
        alpha: one-sided error of certifying a drop that is as large as the margin.

    ``upper`` is the one-sided 1 - alpha bound; certified means p <= alpha, which is the same as
    upper <= margin. ``Unavailable`` without pairs. Source: Tango (1998), section 4.
    """
    require_probability("margin", margin)
    require_probability("alpha", alpha)
    test = tango_test(b, c, n, margin, "less")
    if isinstance(test, Unavailable):
        return test
    # A bound below the estimate (alpha > 0.5) would mean nothing; tango_upper refuses it.
    upper = float(tango_upper(b, c, n, 1.0 - alpha))
    certified = test.p <= alpha
    return NonInferiority(
        certified=certified, upper=upper, p=test.p, margin=margin, alpha=alpha, n=n
    )


def _tables(
    b: npt.ArrayLike, c: npt.ArrayLike, n: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    losses, gains, pairs = np.broadcast_arrays(
        np.asarray(b, dtype=np.float64),
        np.asarray(c, dtype=np.float64),
        np.asarray(n, dtype=np.float64),
    )
    possible = (losses >= 0) & (gains >= 0) & (losses + gains <= pairs * (1 + 1e-12))
    if not (possible & (pairs > 0)).all():
        raise ValueError("every table needs b >= 0, c >= 0, n > 0 and b + c <= n")
    return losses, gains, pairs
