"""Category rates with partial pooling, for reporting.

Small categories scatter widely; a hierarchical model shrinks them towards each other and cuts
their error to about a third. A shrunken number is for the eye only: it never lifts a block and
never certifies a category. Those decisions rest on each category's own counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backslide.stats.arguments import finite_vector, require_probability
from backslide.stats.result import FloatArray, Unavailable

_FEWEST_CATEGORIES = 3
_CENTRES = 41
_SCALES = 25
_MOST_EFFECTS = 2001


@dataclass(frozen=True, kw_only=True, slots=True)
class PooledRate:
    """Posterior mean and central credible interval of one category's rate, beside the raw one."""

    mean: float
    low: float
    high: float
    raw: float
    confidence: float


def partial_pool(
    k: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95
) -> list[PooledRate | Unavailable]:
    """Posterior rates of exchangeable categories: binomial counts, t3 effects on the logit.

    Args:
        k, n: (categories,) events and trials; may be effective (fractional) counts.
        confidence: probability of the central credible interval, in (0, 1).

    Model: k_j ~ Binomial(n_j, expit(theta_j)), theta_j = mu + tau * t3, expit(mu) ~ Beta(1/2,
    1/2), tau ~ half-normal(1); integrated on a grid. The binomial likelihood and the heavy t3
    tail are what keeps one bad category visible: a normal-normal model on the differences
    shrank a category that had lost 25 points out of sight. Returns one entry per category, in
    order: ``Unavailable`` where a category has no trials, and everywhere when fewer than three
    categories have some. For reporting only: a shrunken number never lifts a block.

    Source: Gelman et al. (2013), Bayesian Data Analysis, section 5.3 (grid) and 17.2 (t for
    outliers); Gelman (2006), Bayesian Analysis 1:515 (prior of the scale).
    """
    events, trials = finite_vector("k", k), finite_vector("n", n)
    require_probability("confidence", confidence)
    if events.shape != trials.shape or ((events < 0) | (events > trials)).any():
        raise ValueError("every category needs 0 <= k <= n")
    seen = trials > 0
    if seen.sum() < _FEWEST_CATEGORIES:
        reason = f"{seen.sum()} categories with data; pooling needs {_FEWEST_CATEGORIES}"
        return [Unavailable(reason) for _ in trials]
    pooled = iter(_posterior_rates(events[seen], trials[seen], confidence))
    return [next(pooled) if known else Unavailable("no observations") for known in seen]


def _posterior_rates(k: FloatArray, n: FloatArray, confidence: float) -> list[PooledRate]:
    effects = _effect_grid(k, n)
    prior = _effect_prior(effects)
    # (categories, effects): binomial likelihood, scaled to a maximum of 1.
    log_likelihood = np.outer(k, effects) - np.outer(n, np.logaddexp(0.0, effects))
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    marginal = likelihood @ prior.T
    log_weight = np.log(marginal).sum(axis=0) + _log_hyperprior(effects)
    weight = np.exp(log_weight - log_weight.max())
    posterior = likelihood * ((weight / marginal) @ prior)
    posterior /= posterior.sum(axis=1, keepdims=True)
    rates = 1.0 / (1.0 + np.exp(-effects))
    return [
        _summary(row, rates, raw, confidence) for row, raw in zip(posterior, k / n, strict=True)
    ]


def _summary(posterior: FloatArray, rates: FloatArray, raw: float, confidence: float) -> PooledRate:
    # Half of a grid point's own mass lies below it.
    cumulative = np.cumsum(posterior) - 0.5 * posterior
    tails = [0.5 - confidence / 2, 0.5 + confidence / 2]
    low, high = np.interp(tails, cumulative, rates)
    mean = float(posterior @ rates)
    return PooledRate(
        mean=mean, low=float(low), high=float(high), raw=float(raw), confidence=confidence
    )


def _effect_grid(k: FloatArray, n: FloatArray) -> FloatArray:
    """Logits from far below the lowest to far above the highest category, finely spaced."""
    logit = np.log((k + 0.5) / (n - k + 0.5))
    sharpest = np.sqrt(1.0 / (k + 0.5) + 1.0 / (n - k + 0.5)).min()
    low, high = logit.min() - 6.0, logit.max() + 6.0
    points = math.ceil((high - low) / min(0.05, sharpest / 4.0))
    return np.linspace(low, high, min(points, _MOST_EFFECTS))


def _hyper_grid(effects: FloatArray) -> tuple[FloatArray, FloatArray]:
    """All pairs of a centre mu and a scale tau, flattened."""
    centres = np.linspace(effects[0] + 3.0, effects[-1] - 3.0, _CENTRES)
    scales = np.geomspace(0.1, 4.0, _SCALES)
    return np.repeat(centres, _SCALES), np.tile(scales, _CENTRES)


def _effect_prior(effects: FloatArray) -> FloatArray:
    """(centres * scales, effects): t3 densities, each row summing to 1 over the grid."""
    centres, scales = _hyper_grid(effects)
    z = (effects[None, :] - centres[:, None]) / scales[:, None]
    density = (1.0 + z * z / 3.0) ** -2
    return np.asarray(density / density.sum(axis=1, keepdims=True), dtype=np.float64)


def _log_hyperprior(effects: FloatArray) -> FloatArray:
    centres, scales = _hyper_grid(effects)
    # Beta(1/2, 1/2) on expit(mu), as a density of mu.
    log_centre = 0.5 * centres - np.logaddexp(0.0, centres)
    # Half-normal(1); the points are spaced evenly on log tau, which adds a factor tau.
    return np.asarray(log_centre - 0.5 * scales**2 + np.log(scales), dtype=np.float64)
