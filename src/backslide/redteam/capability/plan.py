"""What the capability focus asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backslide.redteam.capability.questions import Area
from backslide.redteam.outcome import MARGIN

Check = Literal["hierarchy", "leakage", "eagerness", "persuasion"]
CHECKS: tuple[Check, ...] = ("hierarchy", "leakage", "eagerness", "persuasion")


@dataclass(frozen=True, kw_only=True, slots=True)
class CapabilityPlan:
    """The default asks each model 156 questions and scores the 40 of the science control.

    ``checks``: which behaviours. ``items``: the most items of each. ``max_tokens``: of an answer.
    ``blocks``: so many behaviour items are asked of both models before the next ones, the last
    number for all others, so that a run that ends early has pairs. ``areas``: the user's
    multiple-choice files. ``most_questions``: of each area, drawn by ``seed``. ``science``: whether
    the built-in control is scored. ``margin``: in points, of every comparison.
    """

    checks: tuple[Check, ...] = CHECKS
    items: int = 40
    max_tokens: int = 48
    blocks: tuple[int, ...] = (16, 32, 64)
    areas: tuple[Area, ...] = ()
    most_questions: int = 300
    science: bool = True
    seed: int = 0
    margin: float = MARGIN

    def __post_init__(self) -> None:
        least = min(self.items, self.max_tokens, self.most_questions, *(self.blocks or (0,)))
        if least < 1:
            raise ValueError("items, max_tokens, blocks and most_questions are at least 1")
        names = [a.name for a in self.areas]
        if len(set(names)) < len(names):
            raise ValueError(f"two areas have one name: {', '.join(names)}")
