"""The seams: what a target and a judge must offer. Nothing else is asked of a plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from backslide.core.records import Completion, Prompt, Request, Response, Verdict


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
