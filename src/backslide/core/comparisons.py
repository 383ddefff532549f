"""Base against tuned on one question: the record that checks, red teams and reports share.

The laws of ``records.py`` hold: a missing measurement is ``None`` with a reason. Rates and drops
are fractions; a positive drop means that the tuned model is less safe than the base.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dimension = Literal[
    "refusal",
    "category",
    "quality",
    "consistency",
    "edge",
    "over_refusal",
    "coherence",
    "judging",
    "contamination",
    "domain",
    "turns",
    "adaptive",
    "capability",
    "values",
    "triggers",
]
Unit = Literal["rate", "score", "variance"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A number with its interval. ``confidence`` is two-sided."""

    value: float
    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmSummary:
    """One arm's side of a comparison: ``k`` of ``n`` for rates, a mean otherwise."""

    n: int
    k: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Excluded:
    """Pairs that could not be compared, counted by reason and arm; never dropped in silence."""

    reason: str
    base: int
    tuned: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Base against tuned on one question.

    ``change`` is the drop (positive is worse) in points for rates, or in score or variance units.
    ``relative`` is the same as a share of the base rate. ``upper`` and ``lower`` are one-sided 95 %
    bounds of ``change``; ``relative_upper`` and ``relative_lower`` those of ``relative``.
    ``p_worse`` is one-sided; ``p_adjusted`` is Holm over categories. ``margin`` is the change that
    ``p_worse`` tests against (a red team's; None: no change at all). Where no number can be had,
    the fields are None and ``absent`` says why.
    """

    check: str
    dimension: Dimension
    title: str
    unit: Unit
    category: str | None
    base: ArmSummary
    tuned: ArmSummary
    pairs: int
    clusters: int
    change: Estimate | None = None
    relative: Estimate | None = None
    lower: float | None = None
    upper: float | None = None
    relative_lower: float | None = None
    relative_upper: float | None = None
    losses: float | None = None
    gains: float | None = None
    design_effect: float | None = None
    p_worse: float | None = None
    p_adjusted: float | None = None
    pooled: Estimate | None = None
    detectable: float | None = None
    method: str = ""
    absent: str | None = None
    excluded: tuple[Excluded, ...] = ()
    notes: tuple[str, ...] = ()
    margin: float | None = None
