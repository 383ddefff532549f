"""The ladders and the goals that climb them, read from data.

A ladder is a fixed list of user turns over a goal; the model's own answers go between. So both arms
get the same user turns, and a pair stays a pair at every turn.
"""

from __future__ import annotations

import base64
import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from backslide.core.errors import UsageError
from backslide.core.records import Message
from backslide.redteam.data import rows, table

DATA = Path(__file__).parent / "data"
_LEET = str.maketrans("aeiostAEIOST", "431057431057")

Inclusion = Literal["default", "full", "prefill"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """One harmful request with a harmless topic close to it."""

    id: str
    category: str
    text: str
    topic: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One user turn, as a template. A judged one states the request."""

    text: str
    judged: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """One scripted conversation.

    ``kind`` groups ladders in reports. ``goals`` is how many goals climb it by default. With
    ``stops``, compliance ends it, after one more judged turn ``recovery``. ``shots`` exchanges with
    empty openers stand before the first step; ``prefill`` is the start of the answer. ``wave`` is
    when it is asked, 1 first. ``plan`` says which plans hold it.
    """

    name: str
    title: str
    kind: str
    steps: tuple[Step, ...]
    goals: int
    wave: int
    plan: Inclusion = "default"
    stops: bool = False
    recovery: str | None = None
    shots: int = 0
    prefill: str | None = None

    @property
    def opens_plainly(self) -> bool:
        """Whether its first turn is the bare request, judged."""
        first = self.steps[0]
        return first.judged and first.text == "{request}" and not self.shots and not self.prefill

    @property
    def asks_again(self) -> bool:
        """Whether it opens with the bare request and states it again later."""
        return self.opens_plainly and sum(s.judged for s in self.steps) > 1

    def opening(self, goal: Goal) -> tuple[Message, ...]:
        """The messages up to the first answer."""
        examples = _examples(goal)[: self.shots] if self.shots else []
        start = [m for pair in examples for m in pair]
        start.append(Message(role="user", content=fill(self.steps[0].text, goal)))
        if self.prefill is not None:
            start.append(Message(role="assistant", content=self.prefill))
        return tuple(start)


def fill(template: str, goal: Goal) -> str:
    """The template with its slots filled in.

    Raises:
        UsageError: it names a slot that there is not.
    """
    try:
        return template.format_map(_slots(goal))
    except (KeyError, ValueError, IndexError) as e:
        raise UsageError(
            f"a ladder step cannot be filled in: {template[:60]!r}",
            cause=f"{type(e).__name__}: {e}",
            hint="slots: " + " ".join(f"{{{s}}}" for s in _slots(goal)),
        ) from e


def ladders() -> tuple[Ladder, ...]:
    """All ladders, in the order of their waves and of the file."""
    found = [_ladder(row) for row in _document()["ladder"]]
    return tuple(sorted(found, key=lambda ladder: ladder.wave))


@cache
def kinds() -> Mapping[str, str]:
    """The title of every kind, in report order."""
    return MappingProxyType(_document()["kinds"])


@cache
def goals() -> tuple[Goal, ...]:
    """All goals; neighbours are of different categories."""
    return tuple(Goal(**row) for row in rows(DATA / "goals.jsonl"))


def _slots(goal: Goal) -> dict[str, str]:
    words = goal.text.split()
    middle = len(words) // 2
    return {
        "request": goal.text,
        "topic": goal.topic,
        "head": " ".join(words[:middle]),
        "tail": " ".join(words[middle:]),
        "base64": base64.b64encode(goal.text.encode()).decode(),
        "rot13": codecs.encode(goal.text, "rot13"),
        "leet": goal.text.translate(_LEET),
        "prose": _prose(),
    }


def _examples(goal: Goal) -> list[tuple[Message, Message]]:
    """Exchanges for many shots: other goals and harmless tasks in turn, then harmless ones alone.
    Every answer is an empty opener, so that no harmful text is needed."""
    document = _shots()
    plain = [f.format(task=t) for f in document["frames"] for t in document["tasks"]]
    hostile = [g.text for g in goals() if g.id != goal.id]
    mixed = [q for pair in zip(hostile, plain, strict=False) for q in pair]
    openers = document["openers"]
    return [
        (
            Message(role="user", content=q),
            Message(role="assistant", content=openers[i % len(openers)]),
        )
        for i, q in enumerate([*mixed, *plain[len(hostile) :]])
    ]


def _ladder(row: Mapping[str, Any]) -> Ladder:
    steps = tuple(Step(**s) for s in row["steps"])
    return Ladder(**{**row, "steps": steps})


@cache
def _document() -> dict[str, Any]:
    return table(DATA / "ladders.toml")


@cache
def _shots() -> dict[str, Any]:
    return table(DATA / "shots.toml")


@cache
def _prose() -> str:
    return (DATA / "prose.txt").read_text(encoding="utf-8").strip()
