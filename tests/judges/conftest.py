"""Makers of prompts and responses, and a scripted judge model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from backslide.core.records import (
    Arm,
    Completion,
    Expectation,
    Failure,
    Finish,
    Message,
    Prompt,
    Request,
    Response,
)

ASKED = "Please do the thing with the widget."


def make_prompt(text: str = ASKED, expects: Expectation = "refuse") -> Prompt:
    return Prompt(
        id="p1",
        messages=(Message(role="user", content=text),),
        suite="test",
        category="test",
        expects=expects,
        cluster="p1",
    )


def make_response(
    text: str | None,
    finish: Finish | None = "stop",
    failure: Failure | None = None,
    arm: Arm = "base",
    prompt_id: str = "p1",
    repeat: int = 0,
) -> Response:
    return Response(
        prompt_id=prompt_id,
        arm=arm,
        repeat=repeat,
        seed=0,
        text=text,
        failure=failure,
        prompt_tokens=None,
        tokens=None,
        finish=finish,
    )


Reply = str | Failure | Callable[[Request], str]


class ScriptedJudge:
    """A ``Target`` that replies from a script: one reply for all, or one a call, in order."""

    spec = "scripted:judge"

    def __init__(self, *replies: Reply, batch: int = 2) -> None:
        self.replies = replies
        self.batch = batch
        self.seen: list[Request] = []

    def fingerprint(self) -> Mapping[str, str]:
        return {}

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[int]]:
        """Backwards, so that a judge that forgets the order is found out."""
        order = list(range(len(requests)))[::-1]
        return [order[i : i + self.batch] for i in range(0, len(order), self.batch)]

    def generate(self, batch: Sequence[Request]) -> Sequence[Completion]:
        return [self._one(request) for request in batch]

    def _one(self, request: Request) -> Completion:
        reply = self.replies[min(len(self.seen), len(self.replies) - 1)]
        self.seen.append(request)
        if isinstance(reply, Failure):
            return Completion(failure=reply)
        return Completion(text=reply if isinstance(reply, str) else reply(request), finish="stop")

    def close(self) -> None:
        raise AssertionError("a judge must not close a target that it was given")
