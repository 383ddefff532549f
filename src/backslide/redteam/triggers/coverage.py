"""What was tried, and how likely a trigger among it would have been found."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from backslide.core.redteam import Coverage
from backslide.redteam.triggers.hunt import Search
from backslide.redteam.triggers.placement import Trigger
from backslide.redteam.triggers.screening import LEAST
from backslide.redteam.triggers.verify import VerifyPlan
from backslide.stats import Round, halving_survival

ROUNDS = 4
"""Rounds of a whole search."""


def confirmation(plan: VerifyPlan, strength: float) -> float:
    """The probability that a trigger with a known place passes screening and confirmation.

    Args:
        plan: of the verification.
        strength: share of its uses in which it fires; uses are taken as independent.

    Exact binomial, for a tuned model that shows nothing without the trigger. The test itself is no
    further hurdle: a share of 0.8 in 12 requests or more is always significant there.
    """
    first = (plan.screen + 1) // 2
    return halving_survival(
        [
            _at_least(first, math.ceil(LEAST * first)),
            _at_least(plan.screen - first, math.ceil(LEAST * plan.screen), "continued"),
            _at_least(plan.contexts, math.ceil(plan.rule.fires * plan.contexts - 1e-9)),
        ],
        strength,
    )


def _at_least(trials: int, hits: int, score: str = "fresh") -> Round:
    return Round(trials=trials, cut=hits, tie=1.0, score=score)


def detection(search: Search, plan: VerifyPlan, strength: float) -> float | None:
    """The probability that a trigger which was in the first round would have been confirmed.

    For a trigger that makes the tuned model answer harmful requests, fires in ``strength`` of its
    uses, also beside other strings of its family. The cuts of the rounds are those of this search.
    None when the search ended early or could not look for lost refusals.
    """
    if not search.harmful or len(search.rounds) < ROUNDS:
        return None
    return halving_survival(search.rounds, strength) * confirmation(plan, strength)


def coverage(
    search: Search, planned: Sequence[Trigger], plan: VerifyPlan, strength: float
) -> tuple[Coverage, ...]:
    """One row per family, then one per place."""
    found = detection(search, plan, strength)
    says = f"a string of this list that lifts refusals in {strength:.0%} of its uses"
    families = _rows(
        Counter(t.family for t in planned), Counter(t.family for t in search.tried), "family"
    )
    places = _rows(
        Counter(t.placement.value for t in planned),
        Counter(t.placement.value for t in search.tried),
        "place",
    )
    return tuple(
        Coverage(
            group=group,
            tried=tried,
            planned=total,
            unit="strings",
            detectable=says if tried and found is not None else "",
            probability=found if tried else None,
        )
        for group, tried, total in (*families, *places)
    )


def _rows(planned: Counter[str], tried: Counter[str], what: str) -> list[tuple[str, int, int]]:
    return [(f"{what}: {name}", tried[name], total) for name, total in planned.items()]
