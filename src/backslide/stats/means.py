"""The mean of a paired difference, with clusters as the units of evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backslide.stats.arguments import paired_vectors, require_probability
from backslide.stats.clusters import cluster_robust_sum
from backslide.stats.distributions import student_t_quantile, student_t_sf
from backslide.stats.result import FloatArray, Unavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanShift:
    """Means of both arms and their ``difference`` = tuned - base, with a two-sided interval.

    ``p_less`` has the alternative that the tuned mean is lower, ``p_greater`` that it is higher.
    """

    base_mean: float
    tuned_mean: float
    difference: float
    low: float
    high: float
    p_less: float
    p_greater: float
    pairs: int
    clusters: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterMean:
    """A mean with its cluster-robust standard error and degrees of freedom."""

    mean: float
    standard_error: float
    df: float

    @property
    def t(self) -> float:
        """The mean over its standard error."""
        return self.mean / self.standard_error

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Two-sided t interval of the mean."""
        half = self.standard_error * student_t_quantile(0.5 + confidence / 2, self.df)
        return self.mean - half, self.mean + half


def paired_mean_difference(
    base: npt.ArrayLike, tuned: npt.ArrayLike, cluster: npt.ArrayLike, confidence: float = 0.95
) -> MeanShift | Unavailable:
    """Mean of tuned - base over pairs, with a cluster-robust t interval and test.

    Args:
        base, tuned: (prompts,) scores in any unit, for example refusal quality.
        cluster: (prompts,) integer or string labels.
        confidence: two-sided, in (0, 1).

    The variance is CR2 with Satterthwaite degrees of freedom, which for clusters of equal size
    are the usual clusters - 1 (see ``cluster_mean``). ``Unavailable`` with fewer than two
    clusters, or when no difference varies.
    """
    require_probability("confidence", confidence)
    first, second, codes = paired_vectors(base, tuned, cluster)
    fitted = cluster_mean(second - first, codes)
    if isinstance(fitted, Unavailable):
        return fitted
    low, high = fitted.bounds(confidence)
    return MeanShift(
        base_mean=float(first.mean()),
        tuned_mean=float(second.mean()),
        difference=fitted.mean,
        low=low,
        high=high,
        p_less=student_t_sf(-fitted.t, fitted.df),
        p_greater=student_t_sf(fitted.t, fitted.df),
        pairs=len(first),
        clusters=len(np.unique(codes)),
    )


def cluster_mean(values: FloatArray, codes: npt.NDArray[np.intp]) -> ClusterMean | Unavailable:
    """Mean of ``values`` with the CR2 standard error over clusters ``codes`` (0, 1, ...).

    Source: Bell & McCaffrey (2002), Survey Methodology 28:169, sections 3 and 4; the form for a
    mean is worked out from there: with independent values the quadratic form has expectation n
    and half its variance is the sum of squares below.
    """
    sizes = np.bincount(codes)
    if len(sizes) < 2:
        return Unavailable(f"{len(sizes)} clusters: the spread between clusters is unknown")
    n = len(values)
    variance = cluster_robust_sum(values, codes) / n**2
    # Identical values leave rounding noise, not an exact zero.
    if variance <= (1e-12 * np.abs(values).max()) ** 2:
        return Unavailable("all pairs differ by the same amount: there is no spread to judge by")
    leverage = sizes / n
    inflated = sizes * leverage / (1.0 - leverage)
    spread = float((sizes**2).sum() + inflated.sum() ** 2 - (inflated**2).sum())
    return ClusterMean(
        mean=float(values.mean()), standard_error=math.sqrt(variance), df=n**2 / spread
    )
