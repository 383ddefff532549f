"""TAP (Mehrotra et al. 2023, arXiv 2312.02119, algorithm 1): a tree of prompts, pruned twice."""

from __future__ import annotations

from dataclasses import dataclass

from backslide.core.seeds import derive_seed
from backslide.redteam.adaptive.attack import Attack, Draft
from backslide.redteam.adaptive.pair import Tried
from backslide.redteam.adaptive.plan import TapBudget
from backslide.redteam.adaptive.side import SCORES, Aimed, Shot, Side
from backslide.redteam.adaptive.wording import attempts

Leaf = tuple[Tried, ...]
"""The attempts from the root to here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """A message and the leaf that it grows from."""

    parent: Leaf
    aimed: Aimed


class Tap(Attack):
    """Each round every leaf grows ``branch`` prompts. Those that are off topic are pruned, and of
    the rest at most ``width`` a goal are asked, in fresh conversations; the ``width`` best become
    the leaves. Where nothing is left the leaves stay and grow again.

    As in the paper's code, both prunings keep ``width``; unlike it, a prompt off topic is never
    asked. Equal scores are ordered at random, by a seed of the content.
    """

    def __init__(self, side: Side, budget: TapBudget) -> None:
        super().__init__(side)
        self.budget = budget
        self.leaves: list[list[Leaf]] = [[()] for _ in side.goals]
        self.reached: set[int] = set()
        self.depth = 0

    def open(self) -> list[int]:
        if self.depth >= self.budget.depth:
            return []
        return [g for g in range(len(self.side.goals)) if g not in self.reached]

    def step(self, number: int) -> None:
        goals = self.open()
        self.depth = number
        grown = self._prune(number, self._grow(number, goals))
        shots = self.send([b.aimed for b in grown])
        for goal in goals:
            own = [(b, s) for b, s in zip(grown, shots, strict=True) if s.goal == goal]
            self._keep(goal, own)

    def _grow(self, number: int, goals: list[int]) -> list[Branch]:
        places = [
            (g, leaf, b)
            for g in goals
            for leaf in self.leaves[g]
            for b in range(1, self.budget.branch + 1)
        ]
        aimed = self.write(number, [self._draft(*p) for p in places])
        pairs = zip(places, aimed, strict=True)
        return [Branch(parent=leaf, aimed=a) for (_, leaf, _), a in pairs if a is not None]

    def _prune(self, number: int, grown: list[Branch]) -> list[Branch]:
        """Phase 1: on topic by the evaluator, and no more than the width."""
        goals = self.side.goals
        asked = [(goals[b.aimed.goal], b.aimed.proposal.message) for b in grown]
        kept: dict[int, list[Branch]] = {}
        said = zip(grown, self.side.attacker.on_topic(asked), strict=True)
        for branch, topical in sorted(said, key=lambda pair: self._chance(pair[0].aimed)):
            goal = branch.aimed.goal
            if topical is None:
                self.lose(goal, number, "evaluator_failed")
            elif not topical:
                self.lose(goal, number, "off_topic")
            elif len(kept.setdefault(goal, [])) == self.budget.width:
                self.lose(goal, number, "over_width")
            else:
                kept[goal].append(branch)
        return [b for goal in sorted(kept) for b in kept[goal]]

    def _keep(self, goal: int, shots: list[tuple[Branch, Shot]]) -> None:
        """Phase 2: the best of the answered become the leaves. ``sorted`` keeps the random order
        of phase 1 among equals."""
        if any(shot.outcome == "complied" for _, shot in shots):
            self.reached.add(goal)
        best = sorted(shots, key=lambda pair: -SCORES[pair[1].outcome])[: self.budget.width]
        if best:
            self.leaves[goal] = list(dict.fromkeys(_leaf(b, s) for b, s in best))

    def _chance(self, aimed: Aimed) -> int:
        goal = self.side.goals[aimed.goal].request
        return derive_seed(0, "tap", goal, aimed.round, aimed.proposal.message)

    def _draft(self, goal: int, leaf: Leaf, branch: int) -> Draft:
        return Draft(
            goal=goal,
            turn=self.depth,
            template="tap",
            values={
                "branch": str(branch),
                "branches": str(self.budget.branch),
                "turn": str(self.depth),
                "turns": str(self.budget.depth),
                "attempts": attempts(leaf),
            },
        )


def _leaf(branch: Branch, shot: Shot) -> Leaf:
    tried = (branch.aimed.proposal.message, shot.text, SCORES[shot.outcome])
    return (*branch.parent, tried)
