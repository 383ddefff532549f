"""The relative drop: a score interval for the ratio of two paired rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

from backslide.stats.arguments import require_counts, require_probability
from backslide.stats.distributions import normal_quantile
from backslide.stats.result import Unavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """Relative drop 1 - tuned/base: its estimate, its interval, and the ratio itself.

    ``low`` and ``high`` bound ``relative_drop``, at most 1 and unbounded below (a tuned rate may
    be many times a small base rate).
    """

    relative_drop: float
    low: float
    high: float
    ratio: float
    confidence: float
    method: str


def relative_drop(
    n11: float, b: float, c: float, n00: float, confidence: float = 0.95
) -> Ratio | Unavailable:
    """Relative drop 1 - p_tuned / p_base with the paired score interval of Tang et al.

    Args:
        n11, b, c, n00: pairs safe in both arms, losses, gains, pairs safe in neither; may be
            effective (fractional) counts.
        confidence: two-sided, in (0, 1).

    Pairs that are safe in neither arm carry no information on a ratio, so that n00 does not
    change the answer. ``Unavailable`` when the base model was never safe.

    Source: Tang, Tang & Chan (2003), Statistics in Medicine 22:1217, section 2.
    """
    require_counts(n11=n11, b=b, c=c, n00=n00)
    require_probability("confidence", confidence)
    if n11 + b == 0:
        return Unavailable("the base model was never safe: a relative drop has no denominator")
    z = normal_quantile(0.5 + confidence / 2)
    ratio = (n11 + c) / (n11 + b)
    lower, upper = _ratio_bound(n11, b, c, ratio, z), _ratio_bound(n11, b, c, ratio, -z)
    return Ratio(
        relative_drop=1 - ratio,
        low=1 - upper,
        high=1 - lower,
        ratio=ratio,
        confidence=confidence,
        method="Tang score",
    )


def _ratio_bound(n11: float, b: float, c: float, ratio: float, z: float) -> float:
    """The hypothesised ratio at which the score statistic equals z (z > 0: the lower bound)."""
    # On ratio / (1 + ratio) the half line of ratios is the unit interval, and can be halved.
    estimate = ratio / (1 + ratio)
    low, high = (0.0, estimate) if z > 0 else (estimate, 1.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        if middle in (0.0, 1.0):
            break
        if _score_excess(middle / (1 - middle), n11, b, c, z) > 0.0:
            low = middle
        else:
            high = middle
    share = low if z > 0 else high
    return share / (1 - share)


def _score_excess(hypothesis: float, n11: float, b: float, c: float, z: float) -> float:
    """(tuned - hypothesis * base) - z * se: positive below the bound, negative above it.

    The ratio constrains only how the n11 + b + c informative pairs divide, so their shares are
    fitted alone: gains u, losses 1 - h + h u, both safe h - (1 + h) u. Maximising the likelihood
    over u gives a quadratic, whose larger root is the one inside the simplex.
    """
    h, informative = hypothesis, n11 + b + c
    square = h * (1 + h) * informative
    linear = (1 - h * h) * n11 - h * h * b + (1 - 2 * h * h) * c
    constant = -c * h * (1 - h)
    root = math.sqrt(max(linear * linear - 4 * square * constant, 0.0))
    gain = -2 * constant / (linear + root) if linear > 0 else (root - linear) / (2 * square)
    discordant = max(gain + 1 - h + h * gain, 0.0)
    return (n11 + c) - h * (n11 + b) - z * math.sqrt(h * informative * discordant)
