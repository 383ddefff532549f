"""What an attacker model replied, read strictly: a message to send, or why there is none.

Replies are hostile or garbage: no JSON, the prompt said back, megabytes, lone surrogates, brackets
nested a thousand deep. Nothing of this may become a message, or a success.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from backslide.redteam.adaptive.wording import phrases

Lost = Literal["attacker_failed", "attacker_refused", "evaluator_failed"]
"""Why a step of an attack never reached the model under test."""
LONGEST = 4000
"""Characters of a message; longer ones are not what was asked for."""
_READ = 50_000
_OBJECTS = 20
_HEAD = 240
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """The next message to the model under test, and the techniques that it is said to use."""

    message: str
    techniques: tuple[str, ...] = ()


def read_proposal(reply: str, heading: str, *, techniques: bool = False) -> Proposal | Lost:
    """The message of a reply.

    Args:
        reply: what the attacker said.
        heading: the first line of what it was asked; an echo of it is no reply.
        techniques: whether it must name at least one of the seven, and no other.
    """
    for found in _objects(reply):
        message = found.get("message")
        if heading in reply or not isinstance(message, str) or not _usable(message):
            continue
        if _refusal(message):
            return "attacker_refused"
        named = _named(found.get("strategy")) if techniques else ()
        if named is not None:
            return Proposal(message=message.strip(), techniques=named)
    return "attacker_refused" if _refusal(reply) else "attacker_failed"


def read_decision(reply: str, heading: str) -> bool | None:
    """A yes or a no; None where the reply is neither, or both."""
    if heading in reply:
        return None
    said = {_decision(found["answer"]) for found in _objects(reply) if "answer" in found}
    if not said:
        said = {_decision(reply)}
    return said.pop() if len(said) == 1 else None


def technique_names() -> tuple[str, ...]:
    """The seven of GOAT."""
    return tuple(t["name"] for t in phrases()["techniques"])


def _decision(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    word = value.strip().strip("\"'.*`").lower() if isinstance(value, str) else ""
    return {"yes": True, "no": False}.get(word)


def _objects(reply: str) -> Iterator[Mapping[str, object]]:
    """The outermost JSON objects of the first characters of a reply. Thinking aloud is left out."""
    text, at = reply.rpartition("</think>")[2][:_READ], 0
    for _ in range(_OBJECTS):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            found, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        at = end
        if isinstance(found, dict):
            yield found


def _usable(message: str) -> bool:
    """Not empty, not endless, and text that can be sent (JSON can spell half a character)."""
    if not message.strip() or len(message) > LONGEST:
        return False
    return not any(0xD800 <= ord(c) <= 0xDFFF for c in message)


def _refusal(text: str) -> bool:
    head = text.strip()[:_HEAD].lower().replace("\u2019", "'")
    return any(p in head for p in phrases()["refusals"]["phrases"])


def _named(value: object) -> tuple[str, ...] | None:
    """The techniques that a reply names, in any spelling; None when one is unknown or none is."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values:
        return None
    known = {_letters(name): name for name in technique_names()}
    found = [known.get(_letters(v)) if isinstance(v, str) else None for v in values]
    named = tuple(dict.fromkeys(name for name in found if name is not None))
    return named if None not in found else None


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalpha())
