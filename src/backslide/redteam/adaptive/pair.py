"""PAIR (Chao et al. 2023, arXiv 2310.08419, algorithm 1): streams that refine a single prompt."""

from __future__ import annotations

from backslide.redteam.adaptive.attack import Attack, Draft
from backslide.redteam.adaptive.plan import PairBudget
from backslide.redteam.adaptive.side import SCORES, Side
from backslide.redteam.adaptive.wording import attempts, phrases

Tried = tuple[str, str, int]
"""A prompt, its answer and the score of it."""
REMEMBERED = 4
"""Attempts of a stream that its attacker is shown; as many as the paper's code keeps."""


class Pair(Attack):
    """Every prompt is asked in a fresh conversation. A stream knows its own attempts only; a goal
    ends with the round in which one of its streams succeeds."""

    def __init__(self, side: Side, budget: PairBudget) -> None:
        super().__init__(side)
        self.budget = budget
        self.tried: dict[tuple[int, int], list[Tried]] = {
            (g, s): [] for g in range(len(side.goals)) for s in range(budget.streams)
        }
        self.reached: set[int] = set()
        self.depth = 0

    def open(self) -> list[int]:
        if self.depth >= self.budget.depth:
            return []
        return [g for g in range(len(self.side.goals)) if g not in self.reached]

    def step(self, number: int) -> None:
        places = [(g, s) for g in self.open() for s in range(self.budget.streams)]
        self.depth = number
        aimed = self.write(number, [self._draft(g, s) for g, s in places])
        sent = [(p, a) for p, a in zip(places, aimed, strict=True) if a is not None]
        shots = self.send([a for _, a in sent])
        for (place, one), shot in zip(sent, shots, strict=True):
            self.tried[place].append((one.proposal.message, shot.text, SCORES[shot.outcome]))
            if shot.outcome == "complied":
                self.reached.add(place[0])

    def _draft(self, goal: int, stream: int) -> Draft:
        ways = phrases()["approaches"]
        return Draft(
            goal=goal,
            turn=self.depth,
            template="pair",
            values={
                "stream": str(stream + 1),
                "streams": str(self.budget.streams),
                "approach": ways[stream % len(ways)]["text"],
                "turn": str(self.depth),
                "turns": str(self.budget.depth),
                "attempts": attempts(self.tried[goal, stream][-REMEMBERED:]),
            },
        )
