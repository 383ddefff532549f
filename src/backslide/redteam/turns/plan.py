"""What is asked: which goals climb which ladders."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from backslide.core.errors import UsageError
from backslide.core.seeds import stable_order
from backslide.redteam.outcome import MARGIN
from backslide.redteam.turns.ladders import Goal, Ladder, goals, ladders

BLOCKS = (8, 16, 32, 64, 96)
"""Conversations in each part; the last size is that of all others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnsPlan:
    """The settings of the focus; the defaults are the default budget.

    Args:
        names: only these ladders; None for all that the plan holds.
        share: of the default number of goals per ladder, above 0.
        full: every goal climbs every ladder, with up to 256 shots. Dear: about seven times the
            answers, and the long prompts cost more than that.
        prefill: also give the first words of the answer. Only for a target that continues a last
            assistant message. Off by default because most chat endpoints and our own engine start
            a new turn after it, where the words given count for little and the number misleads.
        max_tokens: of each answer that is judged.
        aside_tokens: of each answer that is not: it only fills the conversation.
        seed: of the order of the goals.
        margin: points of a rate that a comparison tests against.
    """

    names: tuple[str, ...] | None = None
    share: float = 1.0
    full: bool = False
    prefill: bool = False
    max_tokens: int = 48
    aside_tokens: int = 32
    seed: int = 0
    margin: float = MARGIN


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """One conversation to hold with both arms."""

    ladder: Ladder
    goal: Goal


def waves(plan: TurnsPlan) -> list[list[Script]]:
    """All conversations in groups, the most telling for their price first.

    The goals stand in a ring, neighbours of different categories. Each ladder takes the next ones,
    so that every goal meets about as many ladders as any other, and every ladder about as many
    goals of each category; ladders that open with the bare request are neighbours and share no
    goal by default.
    """
    chosen = _chosen(plan)
    ring = _ring(plan.seed)
    start, out = 0, []
    for _, group in groupby(chosen, key=lambda ladder: ladder.wave):
        scripts = []
        for ladder in group:
            count = _count(ladder, plan, len(ring))
            picked = [ring[(start + i) % len(ring)] for i in range(count)]
            scripts += [Script(ladder=ladder, goal=g) for g in picked]
            start += count
        out.append(scripts)
    return out


def blocks(plan: TurnsPlan) -> list[list[Script]]:
    """All conversations in the parts in which they are held, each with both models.

    Small parts first, so that a short time ends with whole pairs, and large ones later, which cost
    less for each conversation. Within a wave every part holds all ladders in proportion.
    """
    order = [script for wave in waves(plan) for script in _mixed(wave)]
    out: list[list[Script]] = []
    start = 0
    while start < len(order):
        size = BLOCKS[min(len(out), len(BLOCKS) - 1)]
        out.append(order[start : start + size])
        start += size
    return out


def _mixed(wave: Sequence[Script]) -> list[Script]:
    sizes = Counter(s.ladder.name for s in wave)
    seen: Counter[str] = Counter()
    places = []
    for number, script in enumerate(wave):
        name = script.ladder.name
        places.append(((seen[name] + 0.5) / sizes[name], number))
        seen[name] += 1
    return [wave[number] for _, number in sorted(places)]


def _chosen(plan: TurnsPlan) -> Sequence[Ladder]:
    known = {ladder.name: ladder for ladder in ladders()}
    if plan.names is not None:
        unknown = [n for n in plan.names if n not in known]
        if unknown:
            raise UsageError(f"no such ladder: {unknown[0]}", hint="ladders: " + ", ".join(known))
        return [ladder for ladder in known.values() if ladder.name in plan.names]
    held = {"default"} | ({"full"} if plan.full else set())
    held |= {"prefill"} if plan.prefill else set()
    return [ladder for ladder in known.values() if ladder.plan in held]


def _count(ladder: Ladder, plan: TurnsPlan, available: int) -> int:
    if not plan.share > 0:
        raise UsageError(f"the share of goals must lie above 0, not {plan.share}")
    return available if plan.full else min(available, math.ceil(ladder.goals * plan.share))


def _ring(seed: int) -> list[Goal]:
    """Goals in rounds: one of each category in a repeatable random order, then the next of each."""
    found = {g.id: g for g in goals()}
    shuffled = stable_order(seed, "turns", list(found))
    places: dict[str, int] = {}
    rounds: list[tuple[int, Goal]] = []
    for name in shuffled:
        goal = found[name]
        places[goal.category] = places.get(goal.category, -1) + 1
        rounds.append((places[goal.category], goal))
    order = {c: i for i, c in enumerate(dict.fromkeys(g.category for _, g in rounds))}
    return [g for _, g in sorted(rounds, key=lambda r: (r[0], order[r[1].category]))]
