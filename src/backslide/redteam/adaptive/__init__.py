"""Attacks that adapt to what a model answers: GOAT, Crescendo, PAIR and TAP.

An attacker model that the user names writes the messages; both arms get the same goals, budget and
seeds, and are compared per goal by success within the same number of turns. ``adaptive.run.run`` is
the focus; it is not imported here, so that the plan can be read without numpy.
"""

from backslide.redteam.adaptive.plan import (
    ATTACKS,
    TAP_OF_THE_PAPER,
    AdaptivePlan,
    CrescendoBudget,
    GoatBudget,
    PairBudget,
    TapBudget,
    our_goals,
)

__all__ = [
    "ATTACKS",
    "TAP_OF_THE_PAPER",
    "AdaptivePlan",
    "CrescendoBudget",
    "GoatBudget",
    "PairBudget",
    "TapBudget",
    "our_goals",
]
