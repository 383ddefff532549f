"""How many pairs a question needs: exact power of the paired tests.

Losses and gains of n pairs are trinomial. Their sum is Binomial(n, psi), psi being the
discordance; given the sum m, losses are Binomial(m, share). Power is summed over both.
``churn`` is discordance without net change: half of it losses, half gains, so psi = drop + churn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from backslide.stats.arguments import require_counts, require_discordance, require_probability
from backslide.stats.distributions import normal_quantile
from backslide.stats.result import FloatArray, Unavailable
from backslide.stats.tango import score_excess, tango_upper


def mcnemar_power(n: int, drop: float, churn: float, alpha: float = 0.025) -> float:
    """Probability that the one-sided McNemar mid-p test finds a drop.

    Args:
        n: pairs.
        drop: true drop, a fraction in [0, 1 - churn].
        churn: symmetric discordance, a fraction; the table's discordance is drop + churn.
        alpha: one-sided.

    Exact enumeration, no simulation. Source: Fagerland, Lydersen & Laake (2013), BMC Med Res
    Methodol 13:91 (test); the power is its definition.
    """
    require_counts(n=n, drop=drop, churn=churn)
    require_probability("alpha", alpha)
    psi = drop + churn
    if psi > 1.0:
        raise ValueError(f"drop {drop} and churn {churn} add up to more than 1")
    share = (drop + churn / 2) / psi if psi else 0.0
    power = 0.0
    for m, weight in _discordant_totals(n, psi):
        power += weight * float(_binomial_pmf(m, share)[_fewest_losses(m, alpha) :].sum())
    return min(1.0, power)


def smallest_detectable_drop(
    n: int, churn: float, alpha: float = 0.025, power: float = 0.8
) -> float | Unavailable:
    """The drop that ``mcnemar_power`` finds with probability ``power``, to 1e-5.

    ``Unavailable`` if even the largest possible drop, 1 - churn, is found less often.
    """
    require_probability("power", power)
    low, high = 0.0, 1.0 - churn
    if mcnemar_power(n, high, churn, alpha) < power:
        return Unavailable(f"{n} pairs cannot detect any drop with a power of {power}")
    while high - low > 1e-5:
        middle = 0.5 * (low + high)
        if mcnemar_power(n, middle, churn, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def noninferiority_power(
    n: int, margin: float, psi: float, true_drop: float = 0.0, alpha: float = 0.05
) -> float:
    """Probability that ``noninferiority`` certifies, by exact enumeration.

    Args:
        n: pairs.
        margin: in (0, 1), a fraction.
        psi: discordance, |true_drop| <= psi <= 1.
        true_drop: the drop in truth; at the margin the result is the type I error.
        alpha: one-sided.

    The common formula (z_a + z_b)^2 (psi - d^2) / (margin - d)^2 asks for 20 to 45% too few
    pairs when psi <= 0.05. Source of the test: Tango (1998), section 4.
    """
    require_counts(n=n)
    require_probability("margin", margin)
    require_probability("alpha", alpha)
    if not abs(true_drop) <= psi <= 1.0:
        raise ValueError(f"a discordance of {psi} cannot hold a drop of {true_drop}")
    z = normal_quantile(1.0 - alpha)
    share = (psi + true_drop) / (2 * psi) if psi else 0.0
    power = 0.0
    for m, weight in _discordant_totals(n, psi):
        losses = np.arange(m + 1.0)
        certified = score_excess(margin, losses, m - losses, np.full(m + 1, float(n)), z) <= 0.0
        power += weight * float(_binomial_pmf(m, share)[certified].sum())
    return min(1.0, power)


def pairs_to_certify(margin: float, losses: int, alpha: float = 0.05) -> int:
    """Fewest pairs that certify a drop below ``margin`` with this many losses and no gain.

    52 pairs without a loss for 5 points at alpha 0.05: fewer can certify nothing at all.
    Source: Tango (1998), section 4, inverted.
    """
    require_probability("margin", margin)
    require_probability("alpha", alpha)
    require_counts(losses=losses)
    low, high = losses, max(1, losses)
    while not _certifies(losses, 0.0, high, margin, alpha):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _certifies(losses, 0.0, middle, margin, alpha):
            high = middle
        else:
            low = middle
    return high


def further_pairs_to_certify(
    b: float, c: float, n: float, margin: float, alpha: float = 0.05, *, cap: int = 100_000
) -> int | Unavailable:
    """How many more pairs would settle certification if the data went on as they began.

    Losses and gains are projected at the rates (b + 1/2) / (n + 1) and (c + 1/2) / (n + 1):
    smoothed, since no loss in a few pairs does not promise none in many. The answer is where the
    projected table certifies, so the chance of success there is about one half; plan for more.

    Args:
        b, c, n: losses, gains and pairs so far; may be effective (fractional) counts.
        margin, alpha: as for ``noninferiority``.
        cap: the largest number that is still an answer.

    0 if the data certify already. ``Unavailable`` without pairs, when the observed drop is at or
    above the margin, or beyond ``cap``.
    """
    require_discordance(b, c, n)
    require_probability("margin", margin)
    require_probability("alpha", alpha)
    if n == 0:
        return Unavailable("no pairs: the discordance is unknown")
    if _certifies(b, c, n, margin, alpha):
        return 0
    if (b - c) / n >= margin:
        return Unavailable("the observed drop is at or above the margin: more pairs may not help")
    more = np.arange(1, cap + 1, dtype=np.float64)
    losses, gains = b + more * (b + 0.5) / (n + 1), c + more * (c + 0.5) / (n + 1)
    z = normal_quantile(1.0 - alpha)
    settled = score_excess(margin, losses, gains, n + more, z) <= 0.0
    if not settled.any():
        return Unavailable(f"more than {cap} further pairs")
    return int(np.argmax(settled)) + 1


def _certifies(b: float, c: float, n: float, margin: float, alpha: float) -> bool:
    return bool(tango_upper(b, c, n, 1.0 - alpha) <= margin)


def _discordant_totals(n: int, psi: float) -> Iterator[tuple[int, float]]:
    """Discordant totals m with their probabilities, leaving out less than 1e-12 of them."""
    weights = _binomial_pmf(n, psi)
    for m in np.flatnonzero(weights > 1e-12 / (n + 1)):
        yield int(m), float(weights[m])


def _binomial_pmf(n: int, p: float) -> FloatArray:
    """Probabilities of 0, ..., n successes."""
    if p in (0.0, 1.0):
        pmf = np.zeros(n + 1)
        pmf[n if p else 0] = 1.0
        return pmf
    k = np.arange(n + 1.0)
    log_choose = _log_factorials(n)
    log_choose = log_choose[-1] - log_choose - log_choose[::-1]
    return np.asarray(np.exp(log_choose + k * math.log(p) + (n - k) * math.log1p(-p)))


def _log_factorials(n: int) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, n + 1)))])


@lru_cache(maxsize=4096)
def _fewest_losses(m: int, alpha: float) -> int:
    """Fewest losses among m discordant pairs with a one-sided mid-p of at most alpha."""
    pmf = _binomial_pmf(m, 0.5)
    at_least = np.cumsum(pmf[::-1])[::-1]
    significant = at_least - 0.5 * pmf <= alpha
    return int(np.argmax(significant)) if significant.any() else m + 1
