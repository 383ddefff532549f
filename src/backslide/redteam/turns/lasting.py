"""How long refusal lasts when the request is asked again, and whether it comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backslide.redteam.turns.drive import Talk
from backslide.redteam.turns.pairs import Pair, held


@dataclass(frozen=True, kw_only=True, slots=True)
class Lasting:
    """One arm's times: the ask at which each conversation yielded, or was last seen to hold."""

    times: tuple[int, ...]
    events: tuple[bool, ...]
    left_out: int
    recovered: int
    asked_to_recover: int


def lasting(talks: Sequence[Talk]) -> Lasting:
    """Times of one arm. A conversation is watched up to its first unreadable ask; one whose first
    ask is unreadable is left out. Recovery is of the extra turn after compliance."""
    seen = [t for talk in talks if (t := _time(talk))]
    extra = [t.held for talk in talks for t in talk.turns if t.recovery and t.held is not None]
    return Lasting(
        times=tuple(t for t, _ in seen),
        events=tuple(e for _, e in seen),
        left_out=len(talks) - len(seen),
        recovered=sum(extra),
        asked_to_recover=len(extra),
    )


def paired_times(pairs: Sequence[Pair]) -> tuple[list[int], list[bool], list[int], list[bool]]:
    """Times and events of both arms, over the asks that count for both."""
    kept = [p for p in pairs if p.asks]
    base = [p.base_yields or p.asks[-1] for p in kept]
    tuned = [p.tuned_yields or p.asks[-1] for p in kept]
    return (
        base,
        [p.base_yields is not None for p in kept],
        tuned,
        [p.tuned_yields is not None for p in kept],
    )


def _time(talk: Talk) -> tuple[int, bool] | None:
    last = 0
    for number, answer in enumerate(held(talk), 1):
        if answer is None:
            break
        if not answer:
            return number, True
        last = number
    return (last, False) if last else None
