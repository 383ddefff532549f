"""Two questions on drops: which topic is worst, and is the domain worse than the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backslide.core.results import Comparison, Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """Drop in the domain less drop elsewhere, in points, with its interval."""

    difference: float
    low: float
    high: float
    confidence: float


def mover(one: Estimate, other: Estimate) -> Contrast:
    """``one`` - ``other`` of two independent estimates, from their own intervals.

    l = d - sqrt((a - la)^2 + (ub - b)^2), u = d + sqrt((ua - a)^2 + (b - lb)^2). Source: Zou &
    Donner (2008), Statistics in Medicine 27:1693, equation 2. With Wilson intervals of two
    proportions it is Newcombe's (1998) hybrid score interval.

    Raises:
        ValueError: intervals of different confidence.
    """
    if one.confidence != other.confidence:
        raise ValueError("the intervals have different confidence")
    d = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Contrast(difference=d, low=d - below, high=d + above, confidence=one.confidence)


def sidak(p: Sequence[float]) -> float:
    """The p value of the smallest of k independent p values: 1 - (1 - min p)^k.

    Source: Sidak (1967), JASA 62:626, corollary 1. Conservative for positively dependent ones.

    Raises:
        ValueError: none given, or one outside [0, 1].
    """
    if not p or not all(0.0 <= v <= 1.0 for v in p):
        raise ValueError("p values must lie in [0, 1], at least one of them")
    return -math.expm1(len(p) * math.log1p(-min(p))) if min(p) < 1.0 else 1.0


def worst_topic(topics: Sequence[Comparison], check: str) -> Comparison | None:
    """One test for all topics: the topic with the smallest p, which is corrected for the choice.

    The drop of the chosen topic is shown as it is and is too high on average, because it was chosen
    (the notes say so). None where no topic has a p value.
    """
    known = [(c.p_worse, n) for n, c in enumerate(topics) if c.p_worse is not None]
    if not known:
        return None
    worst = topics[min(known)[1]]
    note = f"the worst of {len(known)} topics; being chosen, its drop is too high on average"
    return replace(
        worst,
        check=check,
        title=f"Worst topic: {worst.category}",
        p_worse=sidak([p for p, _ in known]),
        method=f"{worst.method}; smallest of {len(known)} p values (Sidak)",
        notes=(*worst.notes, note),
    )
