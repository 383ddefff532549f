"""How long something lasts: the Kaplan-Meier curve and a test of pairs.

Times are numbers of a turn (or any other unit). A time with an event is the turn at which it
happened; a time without one is the last turn that was seen, and was survived. So at equal times an
event comes before the end of an observation, as is usual for life tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backslide.stats.arguments import finite_vector, require_probability
from backslide.stats.clusters import paired_counts
from backslide.stats.distributions import regularized_beta
from backslide.stats.paired import mcnemar_midp
from backslide.stats.result import Alternative, FloatArray, Unavailable

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class SurvivalPoint:
    """The curve just after ``time``: of ``at_risk``, ``events`` ended there.

    ``standard_error`` is Greenwood's, which is 0 while nothing has happened: read the interval.
    """

    time: float
    at_risk: int
    events: int
    survival: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedLogRank:
    """Which arm came first, pair by pair.

    ``tuned_first`` and ``base_first`` are the informative pairs; ``together`` ended at the same
    time, of ``open`` pairs nobody saw which ends first. ``statistic`` is the log-rank Z stratified
    by pair, positive where the tuned arm ends sooner; ``p`` is the exact counterpart.
    """

    tuned_first: int
    base_first: int
    together: int
    open: int
    statistic: float
    p: float
    method: str


def kaplan_meier(
    times: npt.ArrayLike, events: npt.ArrayLike, confidence: float = 0.95
) -> tuple[SurvivalPoint, ...] | Unavailable:
    """The share that lasts beyond each time, one point per distinct time.

    Args:
        times: (n,) times above 0.
        events: (n,) whether it ended there; otherwise it was last seen there.
        confidence: two-sided and pointwise, in (0, 1).

    Source: Kaplan & Meier (1958), JASA 53:457; Greenwood (1926) for the standard error. The
    interval is the beta product one of Fay, Brittain & Proschan (2013), Biostatistics 14:723,
    section 3, with the product of betas matched to one beta by two moments. Without censoring it
    is Clopper & Pearson's, so it is no point where nothing (or everything) has ended.
    ``Unavailable`` without observations; observations are taken as independent.
    """
    require_probability("confidence", confidence)
    when, ended = _observations("times", times, "events", events)
    if not len(when):
        return Unavailable("no observations")
    points: list[SurvivalPoint] = []
    upper = _BetaProduct()
    survival, greenwood = 1.0, 0.0
    for time in np.unique(when):
        at_risk, d = int((when >= time).sum()), int(ended[when == time].sum())
        survival *= (at_risk - d) / at_risk
        if d < at_risk:
            greenwood += d / (at_risk * (at_risk - d))
        upper = upper.times(at_risk - d + 1.0, float(d))
        low, high = _limits(upper, at_risk - d, confidence)
        points.append(
            SurvivalPoint(
                time=float(time),
                at_risk=at_risk,
                events=d,
                survival=survival,
                standard_error=survival * math.sqrt(greenwood),
                low=low,
                high=high,
            )
        )
    return tuple(points)


def median_time(curve: Sequence[SurvivalPoint]) -> float | Unavailable:
    """The first time by which at least half have ended. Source: Brookmeyer & Crowley (1982),
    Biometrics 38:29, section 1. ``Unavailable`` where the curve stays above one half."""
    for point in curve:
        if point.survival <= 0.5:
            return point.time
    return Unavailable("fewer than half ended while they were watched")


def paired_log_rank(
    base_times: npt.ArrayLike,
    base_events: npt.ArrayLike,
    tuned_times: npt.ArrayLike,
    tuned_events: npt.ArrayLike,
    cluster: npt.ArrayLike,
    alternative: Alternative = "greater",
) -> PairedLogRank | Unavailable:
    """Does the tuned arm end sooner than the base, in pairs that share what they were asked?

    Args:
        base_times, base_events, tuned_times, tuned_events: (pairs,) as in ``kaplan_meier``.
        cluster: (pairs,) labels; pairs of one cluster are not independent.
        alternative: "greater" is that the tuned arm ends sooner.

    The log-rank test with every pair as a stratum: Holt & Prentice (1974), Biometrika 61:17; Klein
    & Moeschberger (2003), Survival Analysis, section 7.5. In a pair only the first end informs, so
    that Z = (b - c) / sqrt(b + c) over b pairs in which the tuned arm came first and c in which the
    base did: a sign test. It holds for any dependence within pairs and any number of ties, and is
    most efficient where pairs are much alike. ``p`` is the exact binomial one (mid-p), on counts
    divided by the design effect of the clusters. ``Unavailable`` without pairs.
    """
    first = _observations("base_times", base_times, "base_events", base_events)
    second = _observations("tuned_times", tuned_times, "tuned_events", tuned_events)
    if len(first[0]) != len(second[0]):
        raise ValueError(f"{len(first[0])} base and {len(second[0])} tuned times are no pairs")
    if not len(first[0]):
        return Unavailable("no pairs")
    losses, gains = _sooner(second, first), _sooner(first, second)
    together = first[1] & second[1] & (first[0] == second[0])
    counts = paired_counts(losses.astype(float), gains.astype(float), cluster)
    b, c = counts.b_effective, counts.c_effective
    return PairedLogRank(
        tuned_first=int(losses.sum()),
        base_first=int(gains.sum()),
        together=int(together.sum()),
        open=int((~(losses | gains | together)).sum()),
        statistic=(b - c) / math.sqrt(b + c) if b + c else 0.0,
        p=mcnemar_midp(b, c, alternative).p,
        method="log-rank stratified by pair, exact (mid-p)",
    )


@dataclass(frozen=True, slots=True)
class _BetaProduct:
    """A product of independent betas, kept as its first two moments."""

    mean: float = 1.0
    square: float = 1.0

    def times(self, a: float, b: float) -> _BetaProduct:
        """With one more factor; a Beta(a, 0) is the constant 1, a Beta(0, b) the constant 0."""
        total = a + b
        if not b:
            return self
        return _BetaProduct(
            self.mean * a / total, self.square * a * (a + 1) / (total * (total + 1))
        )

    def quantile(self, p: float) -> float:
        """Of the beta with the same mean and variance; its constant where there is no variance."""
        variance = self.square - self.mean**2
        if variance <= 1e-15 * max(self.mean, 1e-300):
            return self.mean
        size = (self.mean - self.square) / variance
        return _beta_quantile(p, self.mean * size, (1.0 - self.mean) * size)


def _limits(upper: _BetaProduct, left: int, confidence: float) -> tuple[float, float]:
    """Both limits after a time that ``left`` survived. The lower one supposes that the next of
    them ends at once: a factor Beta(left, 1)."""
    tail = (1.0 - confidence) / 2
    low = upper.times(float(left), 1.0).quantile(tail)
    return low, max(low, upper.quantile(1.0 - tail))


def _beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p: Newton's method, halving where a step leaves the bracket."""
    constant = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(200):
        excess = regularized_beta(x, a, b) - p
        low, high = (low, x) if excess > 0 else (x, high)
        density = constant + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x)
        step = x - excess * math.exp(min(-density, 700.0))
        previous, x = x, step if low < step < high else 0.5 * (low + high)
        if abs(x - previous) <= 1e-13 or not 0.0 < x < 1.0:
            break
    return x


def _sooner(
    first: tuple[FloatArray, BoolArray], second: tuple[FloatArray, BoolArray]
) -> npt.NDArray[np.bool_]:
    """Where the first arm was seen to end before the second: at equal times, where only it did."""
    (when, ended), (other, other_ended) = first, second
    return np.asarray(ended & ((when < other) | ((when == other) & ~other_ended)), dtype=np.bool_)


def _observations(
    time_name: str, times: npt.ArrayLike, event_name: str, events: npt.ArrayLike
) -> tuple[FloatArray, BoolArray]:
    when = finite_vector(time_name, times)
    ended = np.asarray(events)
    if ended.shape != when.shape:
        raise ValueError(f"{time_name} and {event_name} must be equally long")
    if not np.isin(ended, (0, 1)).all():
        raise ValueError(f"{event_name} must be true or false")
    if (when <= 0).any():
        raise ValueError(f"{time_name} must lie above 0")
    return when, ended.astype(np.bool_)
