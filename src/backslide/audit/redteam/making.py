"""What a model gave back for one batch -> the lines that are recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from backslide.audit.collect import response_of, writable
from backslide.core.errors import TargetError
from backslide.core.protocols import Likelihoods, Target
from backslide.core.records import Arm, Completion, Failure, Request
from backslide.store.redteam_records import Answer, AttackerAnswer, Likelihood, Place


def answer_lines(
    place: Place, arm: Arm, sampling: str, part: Sequence[Request], made: Sequence[Completion]
) -> list[Answer]:
    """One line a response, in order."""
    return [
        Answer(place=place, sampling=sampling, response=response_of(arm, r, c))
        for r, c in zip(part, made, strict=True)
    ]


def attacker_lines(
    place: Place, model: str, sampling: str, part: Sequence[Request], made: Sequence[Completion]
) -> list[AttackerAnswer]:
    """One line a completion, in order."""
    return [
        AttackerAnswer(
            place=place,
            model=model,
            prompt_id=r.prompt.id,
            sampling=sampling,
            completion=replace(c, text=writable(c.text)),
        )
        for r, c in zip(part, made, strict=True)
    ]


def likelihood_lines(
    place: Place, arm: Arm, target: Target, rows: Sequence[tuple[Request, Sequence[str], str]]
) -> list[Likelihood]:
    """Score each row's answers; ``rows`` are requests, answers and the digest of both.

    Raises:
        TargetError: the model gives no log-probabilities.
    """
    if not isinstance(target, Likelihoods):
        raise TargetError(
            f"{target.spec} gives no log-probabilities",
            hint="name a local model to have answers scored",
        )
    values = target.log_likelihoods([r for r, _, _ in rows], [a for _, a, _ in rows])
    return [
        _line(place, arm, request.prompt.id, mark, value)
        for (request, _, mark), value in zip(rows, values, strict=True)
    ]


def _line(
    place: Place, arm: Arm, prompt_id: str, mark: str, value: Sequence[float] | Failure
) -> Likelihood:
    blank = Likelihood(place=place, arm=arm, prompt_id=prompt_id, answers=mark)
    if isinstance(value, Failure):
        return replace(blank, failure=value)
    if not all(math.isfinite(x) for x in value):
        why = "a log-likelihood is not a finite number"
        return replace(blank, failure=Failure(kind="not_finite", message=why))
    return replace(blank, values=tuple(map(float, value)))


def tokens_of(line: Any) -> int:
    """New tokens of one line; scores have none."""
    if isinstance(line, Answer):
        return line.response.tokens or 0
    return (line.completion.tokens or 0) if isinstance(line, AttackerAnswer) else 0


def failed(line: Any) -> bool:
    """Whether the line holds a failure."""
    if isinstance(line, Answer):
        return line.response.failure is not None
    if isinstance(line, AttackerAnswer):
        return line.completion.failure is not None
    return bool(line.failure)
