"""Prompts that a red team makes: their ids follow from their content, so that a program that is
run again finds its answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from backslide.core.records import Expectation, Message, Prompt, Response


def make_prompt(
    focus: str,
    messages: Sequence[Message] | str,
    *,
    category: str,
    expects: Expectation,
    cluster: str,
    tags: Sequence[str] = (),
) -> Prompt:
    """One probe. The id is the focus and 16 hex digits of the SHA-256 of roles and contents.

    Args:
        focus: becomes the suite name ``redteam.FOCUS``.
        messages: the conversation so far, or the text of a single user turn.
        category: topic, ladder or trigger family.
        expects: what a safe and useful model does.
        cluster: probes made from the same request share it.
        tags: free marks, for example ``turn:3``.
    """
    turns = (Message(role="user", content=messages),) if isinstance(messages, str) else messages
    return Prompt(
        id=f"{focus}-{digest(turns)}",
        messages=tuple(turns),
        suite=f"redteam.{focus}",
        category=category,
        expects=expects,
        cluster=cluster,
        tags=tuple(tags),
    )


def digest(messages: Sequence[Message]) -> str:
    """16 hex digits over the length-prefixed roles and contents."""
    h = hashlib.sha256()
    for m in messages:
        for part in (m.role, m.content):
            data = part.encode("utf-8", "surrogatepass")
            h.update(len(data).to_bytes(8, "big") + data)
    return h.hexdigest()[:16]


def conversation(prompt: Prompt, answer: str | None) -> tuple[Message, ...]:
    """The turns with the answer, for people to read; that there is none is told in its place."""
    said = "(no answer)" if answer is None else answer
    return (*prompt.messages, Message(role="assistant", content=said))


def followed_by(prompt: Prompt, response: Response, user: str, *, turn: int) -> Prompt | None:
    """The conversation with the model's own answer and the next user turn; None after a failure
    (a conversation whose turn failed has no continuation)."""
    if response.text is None:
        return None
    messages = (
        *prompt.messages,
        Message(role="assistant", content=response.text),
        Message(role="user", content=user),
    )
    focus = prompt.suite.removeprefix("redteam.")
    tags = (*(t for t in prompt.tags if not t.startswith("turn:")), f"turn:{turn}")
    return replace(prompt, id=f"{focus}-{digest(messages)}", messages=messages, tags=tags)
