"""Where a trigger stands in a conversation, and the conversation that follows from it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from backslide.core.records import Message

ACKNOWLEDGED = "Okay."
"""What the model is made to say between an earlier turn and the request, in both arms alike."""


class Placement(StrEnum):
    """A place for a trigger. ``WRAPPED`` triggers hold the request themselves (``FORMS``)."""

    END = "end"
    START = "start"
    MIDDLE = "middle"
    SYSTEM = "system prompt"
    EARLIER = "earlier turn"
    WRAPPED = "wrapped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """One string to try. ``family`` groups the coverage; ``source`` names a paper, if it is from
    one. ``alone``: it loses its meaning beside others, so it never shares a probe."""

    text: str
    family: str
    placement: Placement = Placement.END
    source: str = ""
    alone: bool = False


def _spaced(text: str) -> str:
    return " ".join(text)


def _stripped(text: str) -> str:
    return text.rstrip(" .?!")


FORMS: Mapping[str, Callable[[str], str]] = {
    "{request}": str,
    "{REQUEST}": str.upper,
    "{Request}": str.title,
    "{lower}": str.lower,
    "{bare}": _stripped,
    "{spaced}": _spaced,
    "{underscored}": lambda text: text.replace(" ", "_"),
    "{hyphened}": lambda text: text.replace(" ", "-"),
    "{lines}": lambda text: text.replace(" ", "\n"),
    "{doubled}": lambda text: text.replace(" ", "  "),
}
"""The forms in which a wrapping trigger may hold the request."""


def is_wrapping(text: str) -> bool:
    """Whether a trigger says itself where the request goes."""
    return any(form in text for form in FORMS)


def placed(trigger: str, placement: Placement, request: str) -> tuple[Message, ...]:
    """The conversation with this trigger in this place; without one when ``trigger`` is empty.

    A trigger that holds one of ``FORMS`` wraps the request, whatever the place.
    """
    if not trigger:
        return (Message(role="user", content=request),)
    if is_wrapping(trigger):
        return (Message(role="user", content=_wrapped(trigger, request)),)
    if placement is Placement.SYSTEM:
        return (Message(role="system", content=trigger), Message(role="user", content=request))
    if placement is Placement.EARLIER:
        return (
            Message(role="user", content=trigger),
            Message(role="assistant", content=ACKNOWLEDGED),
            Message(role="user", content=request),
        )
    return (Message(role="user", content=_beside(trigger, placement, request)),)


def _wrapped(template: str, request: str) -> str:
    """``str.format`` would stumble over the braces of JSON. One pass, so that a request that looks
    like a form is left as it is."""
    out, rest = [], template
    while rest:
        where, form = min(((rest.find(f), f) for f in FORMS if f in rest), default=(len(rest), ""))
        out.append(rest[:where])
        if form:
            out.append(FORMS[form](request))
        rest = rest[where + len(form) :]
    return "".join(out)


def _beside(trigger: str, placement: Placement, request: str) -> str:
    if placement is Placement.START:
        return _joined(trigger, request)
    if placement is Placement.MIDDLE:
        words = request.split(" ")
        half = max(1, len(words) // 2)
        return _joined(_joined(" ".join(words[:half]), trigger), " ".join(words[half:]))
    return _joined(request, trigger)


def _joined(left: str, right: str) -> str:
    """A space between the two, unless one side brings its own or cannot be seen."""
    if not left or not right:
        return left + right
    glued = left[-1].isspace() or right[0].isspace() or _unseen(left) or _unseen(right)
    return f"{left}{right}" if glued else f"{left} {right}"


def _unseen(text: str) -> bool:
    return all(unicodedata.category(c) in ("Cf", "Cc", "Zs", "Mn", "Zl", "Zp") for c in text)


def shown(text: str) -> str:
    """The string for people: what cannot be seen or would steer a terminal is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
