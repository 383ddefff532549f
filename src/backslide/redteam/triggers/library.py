"""The strings that are tried: ours by family, and a user's own file.

A family is a TOML file: ``family``, and groups of ``texts`` or of ``templates`` with ``slots`` (all
combinations). A group may name its ``placement`` (default: the end), a ``source`` and ``alone``.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from backslide.core.errors import UsageError
from backslide.redteam.triggers.placement import Placement, Trigger, is_wrapping

LIBRARY = Path(__file__).parent / "data" / "library"
FIRST = ("published triggers", "yours")
"""Families that are tried before all others."""


@cache
def library() -> tuple[Trigger, ...]:
    """Our strings, in the order in which they are tried: published ones, then the families in turn,
    so that any first part of the list has some of each."""
    files = sorted(LIBRARY.glob("*.toml"))
    return _in_turn([t for f in files for t in _family(tomllib.loads(f.read_text("utf-8")))])


def extra(path: Path) -> tuple[Trigger, ...]:
    """A user's own triggers: a TOML file like ours, or plain text with one string a line.

    In plain text a line may end in a tab and a placement. Their family is ``yours`` unless a TOML
    file names another. Lines that begin with ``//`` are comments.

    Raises:
        UsageError: the file cannot be read, or names a placement that there is not.
    """
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".toml":
            return tuple(_family({"family": "yours", **tomllib.loads(text)}))
        lines = [line for line in text.split("\n") if line.strip("\r\n") and line[:2] != "//"]
        return tuple(_line(line.rstrip("\r")) for line in lines)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise UsageError(f"the trigger file {path} cannot be read", cause=str(e)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise UsageError(
            f"the trigger file {path} is not usable",
            cause=f"{type(e).__name__}: {e}",
            hint=f"placements are: {', '.join(Placement)}",
        ) from None


def _line(line: str) -> Trigger:
    text, _, place = line.rpartition("\t")
    if not text:
        return _trigger(line, "yours", {})
    return _trigger(text, "yours", {"placement": place})


def _family(data: Mapping[str, Any]) -> Iterator[Trigger]:
    """The triggers of one file, each text and place once."""
    seen = set()
    for group in data["group"]:
        for text in _texts(group):
            trigger = _trigger(text, data["family"], group)
            if (trigger.text, trigger.placement) not in seen:
                seen.add((trigger.text, trigger.placement))
                yield trigger


def _texts(group: Mapping[str, Any]) -> Iterator[str]:
    yield from group.get("texts", ())
    slots = group.get("slots", {})
    for template in group.get("templates", ()):
        for values in itertools.product(*slots.values()):
            text = template
            for name, value in zip(slots, values, strict=True):
                text = text.replace(f"{{{name}}}", value)
            yield text


def _trigger(text: str, family: str, group: Mapping[str, Any]) -> Trigger:
    wrapping = is_wrapping(text)
    if not isinstance(text, str) or not text:
        raise ValueError("a trigger is a string that is not empty")
    return Trigger(
        text=text,
        family=family,
        placement=Placement.WRAPPED if wrapping else Placement(group.get("placement", "end")),
        source=group.get("source", ""),
        alone=wrapping or bool(group.get("alone", False)),
    )


def _in_turn(triggers: Sequence[Trigger]) -> tuple[Trigger, ...]:
    """Families in proportion to their size: the n-th of N strings of a family comes at n / N."""
    counts: dict[str, int] = {}
    for t in triggers:
        counts[t.family] = counts.get(t.family, 0) + 1
    met: dict[str, int] = {}
    keyed = []
    for i, t in enumerate(triggers):
        met[t.family] = met.get(t.family, 0) + 1
        place = 0.0 if t.family in FIRST else met[t.family] / counts[t.family]
        keyed.append((place, i, t))
    return tuple(t for _, _, t in sorted(keyed, key=lambda k: k[:2]))


def in_order(triggers: Sequence[Trigger], more: Sequence[Trigger]) -> tuple[Trigger, ...]:
    """The user's own first, then ours; a string in one place only once."""
    both = (*more, *triggers)
    return tuple({(t.text, t.placement): t for t in reversed(both)}.values())[::-1]
