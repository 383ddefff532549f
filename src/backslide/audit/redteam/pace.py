"""How many requests of a batch to ask at once, so that a run ends when its time does.

A batch that has begun is finished. A full one can take longer than a whole short budget, so it is
cut: the first part of a focus is small and tells the pace; later ones are predicted to take at most
four fifths of the time left, or a twentieth of the budget where that is more. With much time left
the whole batch fits, and nothing is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from backslide.audit.redteam.clock import Clock
from backslide.core.records import Prompt

FIRST = 8
"""Requests of the first part, whose pace nobody knows."""
OF_LEFT = 0.8
OF_BUDGET = 0.05
LONG = 250.0
SHORTER = 0.5
"""Requests shorter than this share of a long one are not asked beside it."""
CHARACTERS = 4.0
"""Of one token, about. A size counts the tokens that are read and those that may be written."""


def size_of(prompt: Prompt, new_tokens: int) -> float:
    """What a request costs, in about tokens."""
    return sum(len(m.content) for m in prompt.messages) / CHARACTERS + new_tokens + 1.0


def alike(sizes: Sequence[float]) -> list[range]:
    """A batch cut where everything that follows is much shorter than what went before: local models
    fill every row up to the longest. Batches that are not in order of length stay whole."""
    longest_after = list(accumulate(reversed(sizes), max))[::-1]
    cuts, longest = [0], 0.0
    for i, size in enumerate(sizes):
        if longest > LONG and longest_after[i] < SHORTER * longest:
            cuts.append(i)
            longest = 0.0
        longest = max(longest, size)
    return [range(a, b) for a, b in pairwise([*cuts, len(sizes)]) if a < b]


class Pace:
    """Seconds per size, learned from recorded batches; apart for answers and for likelihoods."""

    def __init__(self) -> None:
        self._learned: set[tuple[str, int]] = set()
        self._sizes: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    def learn(self, name: str, batch: tuple[str, int], size: float, seconds: float) -> None:
        """Note a batch, once: its requests together have this size and took so long."""
        if batch not in self._learned:
            self._learned.add(batch)
            self._sizes[name] = self._sizes.get(name, 0.0) + size
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def fitting(self, name: str, sizes: Sequence[float], clock: Clock) -> int:
        """How many of the requests to ask now, at least one."""
        left, budget = clock.left(), clock.budget
        if left is None or budget is None:
            return len(sizes)
        if not self._sizes.get(name):
            return min(FIRST, len(sizes))
        per_size = self._seconds[name] / self._sizes[name]
        allowed = max(OF_LEFT * left, OF_BUDGET * budget)
        spent = 0.0
        for count, size in enumerate(sizes):
            spent += size * per_size
            if spent > allowed:
                return max(1, count)
        return len(sizes)
