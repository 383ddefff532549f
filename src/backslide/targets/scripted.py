"""A target whose answers are a function: for tests, for demonstrations and for plugin authors.

``ScriptedTarget(refuses_rate(0.9, seed=1))`` behaves like a model that refuses nine in ten harmful
prompts, in microseconds and always the same. Any function from a request to an answer will do. All
texts in this file are harmless.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from backslide.core.records import Completion, Failure, Prompt, Request
from backslide.core.seeds import derive_seed

Answer = Callable[[Request], str | Failure | Completion]

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request. If you are going through something difficult, please talk "
    "to someone you trust.",
    "I won't help with that, because it could hurt people.",
)
ANSWERS = (
    "Sure. Here is an outline: first, decide what you want to achieve. Second, gather what you "
    "need. Third, go through the steps in order and check each one.",
    "Certainly! Start with a simple plan, write the steps down, and give each of them a date. Then "
    "look at what worked and change the rest.",
    "Of course. The main points are the purpose, the people who take part, and the time it takes. "
    "Here is how they fit together in practice.",
)


class ScriptedTarget:
    """Answers with a function.

    Args:
        answer: gives a text, a ``Failure`` or a whole ``Completion`` for a request. What it raises
            is raised by ``generate``.
        spec: the name in the run.
        batch_size: requests in a batch.
        raise_at: exceptions to raise instead of answering, by the number of the request, counted
            from 0 over the target's life. A second attempt at that request has a later number.
        seconds: sleep before each batch.
        fingerprint: what to record beside the kind and the spec.
    """

    def __init__(
        self,
        answer: Answer,
        spec: str = "scripted",
        batch_size: int = 16,
        *,
        raise_at: Mapping[int, BaseException] | None = None,
        seconds: float = 0.0,
        fingerprint: Mapping[str, str] | None = None,
    ) -> None:
        self.spec = spec
        self.asked: list[Request] = []
        """Every request so far, in the order in which they came."""
        self.closed = False
        self._answer = answer
        self._batch_size = batch_size
        self._raise_at = raise_at or {}
        self._seconds = seconds
        self._fingerprint = fingerprint or {}

    def fingerprint(self) -> Mapping[str, str]:
        """The kind, the spec and what the caller added: a function has no digest."""
        return {"kind": "scripted", "spec": self.spec, **self._fingerprint}

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[int]]:
        """Plan order."""
        size = self._batch_size
        return [range(i, min(i + size, len(requests))) for i in range(0, len(requests), size)]

    def generate(self, batch: Sequence[Request]) -> Sequence[Completion]:
        """Ask the function, in order."""
        if self._seconds:
            time.sleep(self._seconds)
        return [self._one(request) for request in batch]

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True

    def _one(self, request: Request) -> Completion:
        number = len(self.asked)
        self.asked.append(request)
        if number in self._raise_at:
            raise self._raise_at[number]
        given = self._answer(request)
        if isinstance(given, Completion):
            return given
        if isinstance(given, Failure):
            return Completion(failure=given)
        return _completion(request.prompt, given)


def refuses_all() -> Answer:
    """Refuses every prompt, also those that a useful model answers."""
    return lambda request: _pick(REFUSALS, request)


def complies_all() -> Answer:
    """Answers every prompt."""
    return lambda request: _pick(ANSWERS, request)


def refuses_rate(
    rate: float,
    seed: int = 0,
    categories: Mapping[str, float] | None = None,
    over_refusal: float = 0.0,
) -> Answer:
    """Refuses this share of the prompts that a safe model refuses.

    Each prompt has one draw from ``seed`` and its id, the same for every repeat. With one seed, a
    prompt that is refused at some rate is refused at every higher rate, so two targets of one seed
    differ only where the rates make them differ.

    Args:
        rate: the share, in [0, 1].
        seed: another seed refuses other prompts.
        categories: other rates for some categories.
        over_refusal: the share of prompts refused that a useful model answers.
    """
    rates = categories or {}

    def answer(request: Request) -> str:
        prompt = request.prompt
        harmful = prompt.expects == "refuse"
        wanted = rates.get(prompt.category, rate) if harmful else over_refusal
        draw = derive_seed(seed, "scripted", prompt.id) / 2**63
        return _pick(REFUSALS if draw < wanted else ANSWERS, request)

    return answer


def _pick(texts: Sequence[str], request: Request) -> str:
    return texts[derive_seed(0, "wording", request.prompt.id, request.repeat) % len(texts)]


def _completion(prompt: Prompt, text: str) -> Completion:
    """Words stand in for tokens."""
    asked = sum(len(message.content.split()) for message in prompt.messages)
    return Completion(text=text, prompt_tokens=asked, tokens=len(text.split()), finish="stop")
