"""The lines of a red-team run's files (``store/redteam.py``) and its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from backslide.core.records import Arm, Completion, Failure, Response, Verdict
from backslide.core.redteam import Coverage


@dataclass(frozen=True, kw_only=True, slots=True)
class RedTeamManifest:
    """What a red-team run asks. Models, seed and dtype never change; the rest may grow, because an
    answer does not depend on it."""

    schema: int
    created: str
    base: str
    tuned: str
    seed: int
    dtype: str
    system_prompt: str | None
    versions: Mapping[str, str]
    fingerprints: Mapping[str, Mapping[str, str]]
    """By ``base``, ``tuned`` and the name of each attacker."""
    judge: str = ""
    attacker: str | None = None
    budget_seconds: float | None = None
    focuses: Mapping[str, str] = field(default_factory=dict)
    """Settings of each focus, as text for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Which batch of its file a line belongs to, and how many lines that batch has."""

    batch: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A response, with the sampling that it was asked with."""

    place: Place
    sampling: str
    response: Response


@dataclass(frozen=True, kw_only=True, slots=True)
class AttackerAnswer:
    """What the attacker ``model`` said to a prompt."""

    place: Place
    model: str
    prompt_id: str
    sampling: str
    completion: Completion


@dataclass(frozen=True, kw_only=True, slots=True)
class Likelihood:
    """Log-likelihoods of answers; ``answers`` is a digest of them and of the conversation."""

    place: Place
    arm: Arm
    prompt_id: str
    answers: str
    values: tuple[float, ...] | None = None
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A verdict; ``digest`` is of judge, request and answer, because one answer can be judged
    against several requests."""

    place: Place
    digest: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Wall seconds of one batch of one file. ``batch`` counts the batches of that file."""

    focus: str
    file: str
    batch: int
    calls: int
    tokens: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Hunt:
    """Trigger candidates from the weights of both models."""

    deep: bool
    candidates: tuple[str, ...]
    coverage: tuple[Coverage, ...]
    notes: tuple[str, ...]
    seconds: float
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One step of a person in an interactive session, from which the session is taken up again.
    ``kind`` is ``say``, ``undo`` or ``new``; ``system`` is the system prompt of a new one, and
    ``max_tokens`` that of the answers to ``text``."""

    kind: Literal["say", "undo", "new"]
    text: str = ""
    max_tokens: int = 0
    system: str | None = None
