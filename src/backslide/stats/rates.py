"""The interval of a single rate."""

from __future__ import annotations

import math

from backslide.stats.arguments import require_counts, require_probability
from backslide.stats.distributions import normal_quantile
from backslide.stats.result import Interval, Unavailable


def wilson_interval(k: float, n: float, confidence: float = 0.95) -> Interval | Unavailable:
    """Score interval of a binomial rate k / n.

    Chosen over the Wald interval because it keeps its coverage near rates of 0 and 1, where
    refusal rates live, and never leaves [0, 1].

    Args:
        k: successes, 0 <= k <= n; may be an effective (fractional) count.
        n: trials; none gives ``Unavailable``.
        confidence: two-sided, in (0, 1).

    Source: Wilson (1927), JASA 22:209; Newcombe (1998), Stat Med 17:857, method 3.
    """
    require_counts(k=k, n=n)
    require_probability("confidence", confidence)
    if k > n:
        raise ValueError(f"{k} successes do not fit in {n} trials")
    if n == 0:
        return Unavailable("no observations")
    z = normal_quantile(0.5 + confidence / 2)
    centre = (k + z * z / 2) / (n + z * z)
    half = z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    # At the ends the formula is exact on paper; rounding must not push it off 0 or 1.
    low = 0.0 if k == 0 else max(0.0, centre - half)
    high = 1.0 if k == n else min(1.0, centre + half)
    return Interval(low=low, high=high, confidence=confidence, method="Wilson score")
