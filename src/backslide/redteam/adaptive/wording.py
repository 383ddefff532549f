"""Texts for the attacker: templates filled with hostile text, which stays a quotation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from backslide.core.records import Message
from backslide.redteam.data import table

SHOWN = 1500
"""Characters of one message that the attacker is shown."""
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """``prompts/TEMPLATE.md`` with its slots filled. Slots in a value stay as they are, since the
    text is gone through once."""
    return _SLOT.sub(lambda slot: values[slot[1]], _read(f"{template}.md")).rstrip("\n")


def heading(template: str) -> str:
    """The first line of a template. A reply that holds it says the prompt back."""
    return _read(f"{template}.md").partition("\n")[0]


def state(name: str) -> str:
    """What the attacker is told of the last answer."""
    return str(phrases()["states"][name])


def note(name: str) -> str:
    """A sentence that the attacks put between quotations."""
    return str(phrases()["notes"][name])


@cache
def phrases() -> Mapping[str, Any]:
    """``prompts/phrases.toml``."""
    return table(files(__package__) / "prompts" / "phrases.toml")


def quoted(text: str) -> str:
    """A text as a block quotation of at most ``SHOWN`` characters. Each line is marked, so that no
    text can end its own quotation."""
    if len(text) > SHOWN:
        text = text[: SHOWN * 2 // 3] + " [...] " + text[-(SHOWN // 3) :]
    return "\n".join(f"> {line}" for line in text.splitlines() or [""])


def transcript(messages: Sequence[Message]) -> str:
    """A conversation for the attacker to read."""
    said = [
        f"{'User' if m.role == 'user' else 'Assistant'}:\n{quoted(m.content)}" for m in messages
    ]
    return "\n\n".join(said) or note("nothing_said")


def attempts(tried: Sequence[tuple[str, str, int]]) -> str:
    """Earlier (prompt, answer, score) of a line or branch; an answer may be empty."""
    said = [
        f"Prompt:\n{quoted(prompt)}\nAnswer:\n{quoted(answer)}\nScore: {score}"
        for prompt, answer, score in tried
    ]
    return "\n\n".join(said) or note("no_attempts")


@cache
def _read(name: str) -> str:
    return (files(__package__) / "prompts" / name).read_text("utf-8")
