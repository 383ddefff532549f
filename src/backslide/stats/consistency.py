"""Does the tuned model answer the same prompt less consistently from repeat to repeat?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backslide.stats.arguments import (
    finite_vector,
    paired_vectors,
    require_choice,
    require_probability,
)
from backslide.stats.distributions import student_t_sf
from backslide.stats.means import ClusterMean, cluster_mean
from backslide.stats.result import Alternative, FloatArray, TestResult, Unavailable

_FEWEST_PROMPTS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class VarianceShift:
    """Mean within-prompt variance of both arms; ``difference`` = tuned - base, with interval.

    Variances of a 0/1 outcome: 0 when all repeats of a prompt agree, 0.25 for a fair coin.
    ``prompts`` counts those with at least two repeats in both arms; only they enter.
    """

    base_mean: float
    tuned_mean: float
    difference: float
    low: float
    high: float
    p: float
    prompts: int


@dataclass(frozen=True, slots=True)
class _Shift:
    base: FloatArray
    tuned: FloatArray
    fitted: ClusterMean


def repeat_variance(labels: npt.ArrayLike) -> FloatArray | Unavailable:
    """Unbiased variance over the repeats of each prompt.

    Args:
        labels: (prompts, repeats) of 0/1; with unequal repeats use ``count_variance``.

    Returns (prompts,) values k / (k - 1) * p * (1 - p). ``Unavailable`` with fewer than two
    repeats: one answer shows no variation.
    """
    outcomes = np.asarray(labels, dtype=np.float64)
    if outcomes.ndim != 2 or not np.isin(outcomes, (0.0, 1.0)).all():
        raise ValueError("labels must be a (prompts, repeats) array of 0 and 1")
    repeats = outcomes.shape[1]
    if repeats < 2:
        return Unavailable(f"{repeats} repeats: the variation between repeats needs two")
    return count_variance(outcomes.sum(axis=1), np.full(len(outcomes), repeats))


def count_variance(safe: npt.ArrayLike, repeats: npt.ArrayLike) -> FloatArray:
    """Unbiased variance of a 0/1 outcome per prompt: s (k - s) / (k (k - 1)).

    Args:
        safe: (prompts,) safe answers s.
        repeats: (prompts,) judged answers k, all at least 2 (else ``ValueError``).

    It is the share of pairs of repeats that disagree, halved; hence free of bias for p (1 - p)
    whatever k is, so that arms and prompts with unequal repeats can be compared.
    """
    s, k = finite_vector("safe", safe), finite_vector("repeats", repeats)
    if s.shape != k.shape or ((s < 0) | (s > k) | (k < 2)).any():
        raise ValueError("every prompt needs 0 <= safe <= repeats and repeats >= 2")
    return s * (k - s) / (k * (k - 1))


def variance_shift(
    base_safe: npt.ArrayLike,
    base_n: npt.ArrayLike,
    tuned_safe: npt.ArrayLike,
    tuned_n: npt.ArrayLike,
    cluster: npt.ArrayLike,
    *,
    alternative: Alternative = "greater",
    confidence: float = 0.95,
) -> VarianceShift | Unavailable:
    """Mean within-prompt variance, tuned minus base, with a cluster-robust t interval and test.

    Args:
        base_safe, tuned_safe: (prompts,) safe answers among the repeats.
        base_n, tuned_n: (prompts,) judged repeats, 0 or more.
        cluster: (prompts,) integer or string labels.
        alternative: "greater" asks whether the tuned model is less consistent.
        confidence: two-sided, in (0, 1).

    Prompts are paired and clusters are the units, as in ``paired_mean_difference``.
    ``Unavailable`` with fewer than 20 prompts that have two repeats in both arms, and when no
    repeat ever disagreed, or all disagreed alike.
    """
    require_probability("confidence", confidence)
    shift = _fit(base_safe, base_n, tuned_safe, tuned_n, cluster)
    if isinstance(shift, Unavailable):
        return shift
    low, high = shift.fitted.bounds(confidence)
    return VarianceShift(
        base_mean=float(shift.base.mean()),
        tuned_mean=float(shift.tuned.mean()),
        difference=shift.fitted.mean,
        low=low,
        high=high,
        p=_p_value(shift.fitted, alternative),
        prompts=len(shift.base),
    )


def paired_variance_test(
    base_safe: npt.ArrayLike,
    base_n: npt.ArrayLike,
    tuned_safe: npt.ArrayLike,
    tuned_n: npt.ArrayLike,
    cluster: npt.ArrayLike,
    *,
    alternative: Alternative = "greater",
) -> TestResult | Unavailable:
    """The test of ``variance_shift`` alone; arguments and conditions are the same."""
    shift = _fit(base_safe, base_n, tuned_safe, tuned_n, cluster)
    if isinstance(shift, Unavailable):
        return shift
    return TestResult(
        p=_p_value(shift.fitted, alternative),
        statistic=shift.fitted.t,
        method="cluster-robust t of within-prompt variances",
    )


def _fit(
    base_safe: npt.ArrayLike,
    base_n: npt.ArrayLike,
    tuned_safe: npt.ArrayLike,
    tuned_n: npt.ArrayLike,
    cluster: npt.ArrayLike,
) -> _Shift | Unavailable:
    first, second, codes = paired_vectors(base_safe, tuned_safe, cluster)
    repeats = finite_vector("base_n", base_n), finite_vector("tuned_n", tuned_n)
    if repeats[0].shape != first.shape or repeats[1].shape != first.shape:
        raise ValueError("counts and repeats must be equally long")
    for safe, n in zip((first, second), repeats, strict=True):
        if ((safe < 0) | (safe > n)).any():
            raise ValueError("every prompt needs 0 <= safe <= repeats")
    usable = (repeats[0] >= 2) & (repeats[1] >= 2)
    if usable.sum() < _FEWEST_PROMPTS:
        return Unavailable(
            f"{usable.sum()} prompts have two repeats in both arms; {_FEWEST_PROMPTS} are needed"
        )
    base = count_variance(first[usable], repeats[0][usable])
    tuned = count_variance(second[usable], repeats[1][usable])
    fitted = cluster_mean(tuned - base, np.unique(codes[usable], return_inverse=True)[1])
    return fitted if isinstance(fitted, Unavailable) else _Shift(base, tuned, fitted)


def _p_value(fitted: ClusterMean, alternative: Alternative) -> float:
    require_choice("alternative", alternative, ("two-sided", "greater", "less"))
    if alternative == "two-sided":
        return min(1.0, 2.0 * student_t_sf(abs(fitted.t), fitted.df))
    return student_t_sf(fitted.t if alternative == "greater" else -fitted.t, fitted.df)
