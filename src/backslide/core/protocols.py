"""The seams: what a target and a judge must offer. Nothing else is asked of a plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from backslide.core.records import (
    Arm,
    Completion,
    Failure,
    Prompt,
    Request,
    Response,
    Sampling,
    Verdict,
)


@runtime_checkable
class Target(Protocol):
    """A model under test.

    ``batches`` groups the whole plan of one arm, as indices into ``requests``; it must be a pure
    function of the requests, because an interrupted run repeats unfinished batches exactly.
    ``generate`` answers one batch, in order. A request that fails becomes a ``Completion`` with a
    ``Failure``; only a target that cannot work at all raises ``EndpointError``.
    """

    spec: str

    def fingerprint(self) -> Mapping[str, str]:
        """Digests of everything that can change an answer (weights, tokenizer, template, ...)."""
        ...

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[int]]: ...

    def generate(self, batch: Sequence[Request]) -> Sequence[Completion]: ...

    def close(self) -> None:
        """Free memory and connections; the target is not used afterwards."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Reads responses, gives verdicts, one each and in order. A judge that cannot tell says so:
    ``label=None`` with a reason, never a default label."""

    name: str
    version: str

    def judge(self, items: Sequence[tuple[Prompt, Response]]) -> Sequence[Verdict]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeRequest(Request):
    """A request to a model that judges, which may be more than a conversation.

    ``raw``: the text of the one message goes to the model as it is, without a chat template.
    Otherwise the model's own template is used, which must show every message; ``variables`` are
    what the template is given besides them. A target that knows neither treats it as a ``Request``.
    """

    raw: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Scorer(Protocol):
    """What a target offers besides answers, so that a guard model can be read through it."""

    raw: bool
    """Whether it obeys ``JudgeRequest.raw``. If not, the text arrives as a user's message."""

    def probabilities(
        self, requests: Sequence[Request], words: Sequence[str]
    ) -> Sequence[Mapping[str, float] | Failure]:
        """How probable each word is as the very next one (or as the class, of a classifier), over
        all that could follow: they need not sum to 1. One for each request, in order.

        Raises:
            TargetError: this model gives no probabilities, or none for such a word.
        """
        ...

    def clip(self, text: str, tokens: int) -> str | None:
        """The text of its first tokens, as the model counts them with its start token; None when
        this target cannot count tokens."""
        ...


@runtime_checkable
class Likelihoods(Protocol):
    """What a target with weights offers besides answers: how probable a given answer is."""

    def log_likelihoods(
        self, requests: Sequence[Request], answers: Sequence[Sequence[str]]
    ) -> Sequence[Sequence[float] | Failure]:
        """For each request, the natural log of the probability of each of its answers, summed over
        the answer's tokens, given the conversation (with the start of the assistant's turn).

        Raises:
            TargetError: this model gives no log-probabilities.
        """
        ...


class Asker(Protocol):
    """How a red team reaches the two models and the judge. The audit makes it.

    A focus is a deterministic program over an asker: the same calls in the same order ask the same
    things. Every answer is kept, so a program that was interrupted is simply run again, and what
    was answered before is not asked again. Prompt ids must therefore be derived from the content
    (``redteam.prompts.make_prompt`` does it). Calls with many prompts are fast, calls with few are
    slow; calls that alternate between the arms are slow where both do not fit into memory.
    """

    judge_name: str

    def ask(
        self, arm: Arm, prompts: Sequence[Prompt], sampling: Sampling, *, repeat: int = 0
    ) -> list[Response]:
        """Both arms are asked with the same seed: it is derived from prompt id and repeat.

        Raises:
            OutOfTime: the budget of the focus is spent; what was answered is kept.
        """
        ...

    def judge(self, items: Sequence[tuple[Prompt, Response]]) -> list[Verdict]:
        """The verdicts on these responses, in order; judged once and kept."""
        ...

    def log_likelihoods(
        self, arm: Arm, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]
    ) -> list[Sequence[float] | Failure]:
        """As ``Likelihoods.log_likelihoods``; kept like answers.

        Raises:
            TargetError: the model gives no log-probabilities.
        """
        ...

    def attacker(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """Answers of the attacker (or generator) model that the user named; kept like answers.

        Raises:
            UsageError: the user named none.
        """
        ...

    def left(self) -> float | None:
        """Seconds left to this focus; None without a budget."""
        ...

    def progress(self, stage: str, done: int, total: int) -> None:
        """Tell a person where the focus is."""
        ...
