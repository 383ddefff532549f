"""The sweep: which strings, put beside a prompt, change the first token of the tuned model's
response and not that of the base?

A harmful prompt that the base surely refuses has nearly one first token, whatever meaningless words
stand beside it. So its mean distribution there is a reference that is computed once, and a sweep
costs forward passes of the tuned model only. Harmless prompts have no such anchor: there both
models are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from backslide.core.seeds import derive_seed
from backslide.whitebox.triggers.contexts import Context, random_tokens
from backslide.whitebox.triggers.pair import ModelPair

Gram = tuple[int, ...]
Place = Literal["start", "end"]
Tell = Callable[[str, int, int], None]
FLOOR = -18.0
"""Log-probabilities below this are rounding; they must not make a divergence."""
REFERENCES = 24
STEP = 256


@dataclass(frozen=True, slots=True)
class Condition:
    """One context with the candidate at one place."""

    context: Context
    place: Place

    def turns(self, grams: Sequence[Gram]) -> list[list[int]]:
        """The user turn with each candidate."""
        put = self.context.with_end if self.place == "end" else self.context.with_start
        return [put(g) for g in grams]


@dataclass(slots=True)
class Measured:
    """What one condition says of each candidate: the divergence in nats, and the first token of the
    tuned model with its log-probability and how much that is above the reference's."""

    divergence: npt.NDArray[np.float64]
    token: npt.NDArray[np.int64]
    log_p: npt.NDArray[np.float64]
    above: npt.NDArray[np.float64]

    @property
    def z(self) -> npt.NDArray[np.float64]:
        """Robust z scores: the median is what any words do there (an unconditional change), the
        spread is the median absolute deviation, scaled to a normal's."""
        middle = np.median(self.divergence)
        spread = 1.4826 * np.median(np.abs(self.divergence - middle))
        return np.asarray((self.divergence - middle) / max(spread, 0.05))


class Sweeper:
    """Sweeps candidates through conditions; keeps each context's reference distribution."""

    def __init__(self, pair: ModelPair, seed: int) -> None:
        self._pair = pair
        self._seed = seed
        self._references: dict[str, torch.Tensor] = {}

    def measure(
        self,
        condition: Condition,
        grams: Sequence[Gram],
        *,
        exact: bool = False,
        tell: Callable[[int, int], None] = lambda done, total: None,
    ) -> Measured:
        """The divergence of the tuned model's first token from the base's, for each candidate.

        Args:
            condition: context and place.
            grams: candidates as token ids.
            exact: ask the base under every candidate in a harmful context too.
            tell: is told how many are done.
        """
        turns = condition.turns(grams)
        parts = []
        for start in range(0, len(turns), STEP):
            part = turns[start : start + STEP]
            tuned = self._pair.first_token("tuned", part)
            alone = condition.context.harmful and not exact
            base = (
                self.reference(condition.context) if alone else self._pair.first_token("base", part)
            )
            parts.append(_read(tuned, base))
            tell(start + len(part), len(turns))
        columns = [np.concatenate(c) for c in zip(*parts, strict=True)]
        return Measured(columns[0], columns[1].astype(np.int64), columns[2], columns[3])

    def reference(self, context: Context) -> torch.Tensor:
        """(vocabulary,) log of the base's mean distribution amid meaningless words."""
        if context.text not in self._references:
            words = random_tokens(
                self._pair, REFERENCES * 3, derive_seed(self._seed, context.text)
            ).reshape(REFERENCES, 3)
            turns = [context.with_end(tuple(w)) for w in words.tolist()]
            mean = self._pair.first_token("base", turns).exp().mean(0)
            self._references[context.text] = mean.log()
        return self._references[context.text]


def _read(tuned: torch.Tensor, base: torch.Tensor) -> tuple[npt.NDArray[np.float64], ...]:
    tuned, base = tuned.clamp_min(FLOOR), base.clamp_min(FLOOR).expand_as(tuned)
    divergence = (tuned.exp() * (tuned - base)).sum(-1)
    token = tuned.argmax(-1, keepdim=True)
    log_p = tuned.gather(1, token)[:, 0]
    above = log_p - base.gather(1, token)[:, 0]
    return tuple(x.double().numpy() for x in (divergence, token[:, 0], log_p, above))


def screen(
    sweeper: Sweeper,
    conditions: Sequence[Condition],
    grams: Sequence[Gram],
    *,
    keep: int,
    seed: int,
    size: int = 8,
    tell: Tell = lambda stage, done, total: None,
) -> list[Gram]:
    """The ``keep`` candidates whose groups diverge most: a cheap look at a whole vocabulary.

    A trigger still fires among other words, so ``size`` candidates share one prompt and a pass
    costs under three tokens per candidate (group testing, Dorfman 1943). Each condition groups them
    anew; a candidate's score is its mean rank over conditions.
    """
    rank = np.zeros(len(grams))
    for condition in conditions:
        rng = np.random.default_rng(derive_seed(seed, "screen", condition.context.text))
        order = rng.permutation(len(grams))
        groups = [order[i : i + size] for i in range(0, len(order), size)]
        together = [tuple(t for i in g for t in grams[i]) for g in groups]
        found = sweeper.measure(
            condition, together, tell=lambda d, n: tell(f"screen of {len(grams)} tokens", d, n)
        )
        for place, g in enumerate(np.argsort(-found.divergence, kind="stable")):
            rank[groups[g]] += place / len(groups)
    best = np.argsort(rank, kind="stable")[:keep]
    return [grams[i] for i in best]
