"""Successive halving over many candidates, and how likely it is to keep one that is worth keeping.

All candidates get few trials, the best of them more. Sources: Karnin, Koren & Somekh (2013), ICML,
algorithm 1; Jamieson & Talwalkar (2016), AISTATS, algorithm 1. Unlike there, a candidate without a
single success is dropped at once, and the number that is kept follows from what is affordable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backslide.stats.arguments import require_choice, require_counts
from backslide.stats.result import FloatArray

_SCORES = ("continued", "fresh")


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One round as it went: each candidate got ``trials``; a score above ``cut`` was kept, one at
    the cut with probability ``tie``. ``score`` says whether successes of earlier rounds count."""

    trials: int
    cut: float
    tie: float
    score: str = "continued"


@dataclass(frozen=True, slots=True)
class Kept:
    """``indices`` in their given order; ``cut`` and ``tie`` as in ``Round``."""

    indices: tuple[int, ...]
    cut: float
    tie: float


def keep_best(scores: Sequence[int], most: int, least: int = 1) -> Kept:
    """The candidates with the highest scores, ``most`` at most, none with less than ``least``.

    Of equal scores at the cut those that come first are kept: ``tie`` is their share.
    """
    require_counts(most=most)
    ranked = sorted((i for i, s in enumerate(scores) if s >= least), key=lambda i: -scores[i])
    kept = ranked[:most]
    if len(kept) == len(ranked):
        return Kept(tuple(sorted(kept)), least, 1.0)
    cut = scores[ranked[len(kept)]]
    level = [i for i in ranked if scores[i] == cut]
    share = sum(i in set(kept) for i in level) / len(level)
    return Kept(tuple(sorted(kept)), cut, share)


def halving_survival(rounds: Sequence[Round], rate: float) -> float:
    """The probability that a candidate passes all rounds, given how the rounds went.

    Args:
        rounds: in their order.
        rate: the probability that one trial of this candidate is a success, all independent.

    Exact for a further candidate that did not itself move the cuts; otherwise the cut is taken as
    given, which is close where there are many candidates.
    """
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate must lie in [0, 1], not {rate}")
    passed, scores = 1.0, np.array([1.0])
    for r in rounds:
        require_choice("score", r.score, _SCORES)
        start = np.array([1.0]) if r.score == "fresh" else scores
        scores = np.convolve(start, _binomial(r.trials, rate))
        levels = np.arange(len(scores))
        kept = scores * ((levels > r.cut) + r.tie * (levels == r.cut))
        share = float(kept.sum())
        if share <= 0.0:
            return 0.0
        passed, scores = passed * share, kept / share
    return passed


def _binomial(n: int, p: float) -> FloatArray:
    return np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])
