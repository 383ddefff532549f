"""Paired counts and bootstrap when prompts come in clusters (paraphrases of one item).

The cluster is the unit of evidence. Repeats are averaged inside a prompt before they get here,
so that outcomes are shares in [0, 1]; paraphrases of one item share a cluster label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backslide.stats.arguments import paired_vectors
from backslide.stats.result import FloatArray

_PSEUDO_PAIRS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedCounts:
    """The paired 2 x 2 table as observed, and as many independent pairs would be worth it.

    ``b`` are losses (base safe, tuned not), ``c`` gains; with repeats these are sums of shares.
    Give the ``*_effective`` counts to tests and intervals, show the raw ones.
    """

    n: int
    b: float
    c: float
    n11: float
    n00: float
    clusters: int
    design_effect: float

    @property
    def drop(self) -> float | None:
        """(b - c) / n, the same for raw and effective counts; None without pairs."""
        return (self.b - self.c) / self.n if self.n else None

    @property
    def n_effective(self) -> float:
        """Pairs divided by the design effect."""
        return self.n / self.design_effect

    @property
    def b_effective(self) -> float:
        """Losses divided by the design effect."""
        return self.b / self.design_effect

    @property
    def c_effective(self) -> float:
        """Gains divided by the design effect."""
        return self.c / self.design_effect

    @property
    def n11_effective(self) -> float:
        """Pairs safe in both arms divided by the design effect."""
        return self.n11 / self.design_effect

    @property
    def n00_effective(self) -> float:
        """Pairs safe in neither arm divided by the design effect."""
        return self.n00 / self.design_effect


def paired_counts(
    base: npt.ArrayLike, tuned: npt.ArrayLike, cluster: npt.ArrayLike, *, floor: float = 1.0
) -> PairedCounts:
    """Count losses and gains, with the design effect of the clusters.

    Args:
        base, tuned: (prompts,) safe shares in [0, 1]; 0/1, or means over repeats.
        cluster: (prompts,) integer or string labels.
        floor: the least design effect, in [0, 1]. 1 keeps the effective pairs at or below the
            prompts, which with repeats is conservative: averaging makes differences smaller than
            a 0/1 table can express. 0 lets that count as further pairs; its error rates stay
            nominal (docs/statistics.md).

    A share that moves from 0.8 to 0.6 is 0.6 of a pair safe in both arms, 0.2 of a loss and 0.2
    of a pair safe in neither. The design effect is the cluster-robust variance of the mean
    difference over the variance that the same table would have with independent pairs, pulled
    towards complete clustering where few pairs are discordant (``_design_effect``).
    Dividing the counts by it lets score methods take them: Rao & Scott (1992), Biometrics
    48:577, section 2. The robust variance is the CR2 one of Bell & McCaffrey (2002), Survey
    Methodology 28:169. Singletons with 0/1 outcomes give the plain table and a design effect
    of 1.

    No pairs give counts of 0. ``ValueError`` for unequal lengths or shares outside [0, 1].
    """
    first, second, codes = paired_vectors(base, tuned, cluster)
    for name, values in (("base", first), ("tuned", second)):
        if ((values < 0) | (values > 1)).any():
            raise ValueError(f"{name} holds a share outside [0, 1]")
    if not 0.0 <= floor <= 1.0:
        raise ValueError(f"floor must lie in [0, 1], not {floor}")
    difference = first - second
    losses, gains = np.maximum(difference, 0.0).sum(), np.maximum(-difference, 0.0).sum()
    return PairedCounts(
        n=len(first),
        b=float(losses),
        c=float(gains),
        n11=float(np.minimum(first, second).sum()),
        n00=float((1.0 - np.maximum(first, second)).sum()),
        clusters=len(np.unique(codes)),
        design_effect=max(floor, _design_effect(difference, codes)),
    )


def _design_effect(difference: FloatArray, codes: npt.NDArray[np.intp]) -> float:
    """Robust over naive variance of the mean, pulled towards complete clustering.

    Few discordant pairs say little on how they cluster, none says nothing. So one pseudo-loss
    and one pseudo-gain are added at the worst case: complete correlation within clusters, where
    the design effect is sum(m^2) / sum(m). Without discordance that is the answer; with 50
    discordant pairs it hardly matters. Without the pseudo-pairs, one loss would end the worst
    case at a stroke, and certificates would be false up to 0.23 of the time at a nominal 0.05
    (20 clusters of 10 prompts, docs/statistics.md).
    """
    n = len(difference)
    sizes = np.bincount(codes)
    if n == len(sizes) and np.isin(difference, (-1.0, 0.0, 1.0)).all():
        return 1.0
    worst = float((sizes * sizes).sum() / n)
    if len(sizes) == 1:
        return worst
    naive = float(np.abs(difference).sum() - difference.sum() ** 2 / n) * n / (n - 1)
    robust = cluster_robust_sum(difference, codes)
    return (robust + _PSEUDO_PAIRS * worst) / (naive + _PSEUDO_PAIRS)


def cluster_robust_sum(difference: FloatArray, codes: npt.NDArray[np.intp]) -> float:
    """CR2 variance of the sum of ``difference`` over clusters, two or more of them.

    For a mean, the leverage of a cluster is its share of all prompts, so that the bias-reduced
    residual sum is r_g / sqrt(1 - m_g / n): Bell & McCaffrey (2002), section 3.
    """
    sizes = np.bincount(codes)
    residuals = np.bincount(codes, weights=difference - difference.mean())
    return float((residuals**2 / (1.0 - sizes / len(difference))).sum())
