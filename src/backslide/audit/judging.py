"""Responses -> verdicts of one judge, in response order; judging again costs no generation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from backslide.audit.progress import Progress
from backslide.core.protocols import Judge
from backslide.core.records import Response, Verdict
from backslide.store.run import Run

CHUNK = 64
"""Responses handed to the judge at once; a killed run loses at most the verdicts of one chunk."""


def judge_run(run: Run, judge: Judge, progress: Progress, *, retry: bool = False) -> int:
    """Judge every response that this judge and version has not judged yet.

    The n-th response to a prompt pairs with the n-th verdict on it, so an answer that was asked for
    again is judged again.

    Args:
        retry: judge again where this judge itself failed.

    Returns:
        how many responses have no verdict now.
    """
    prompts = {p.id: p for p in run.prompts()}
    mine = [
        v for v in run.verdicts().records if (v.judge, v.version) == (judge.name, judge.version)
    ]
    responses = run.responses().records
    pending = _pending(responses, mine)
    if retry:
        pending += _failed(responses, mine)
    progress.stage(f"judge {judge.name}", len(responses), len(responses) - len(pending))
    for start in range(0, len(pending), CHUNK):
        part = pending[start : start + CHUNK]
        verdicts = judge.judge([(prompts[r.prompt_id], r) for r in part])
        run.add_verdicts(verdicts)
        unjudged = sum(v.label is None for v in verdicts)
        progress.advance(len(part), 0, unjudged)
    return sum(v.label is None for v in _last(run, judge).values())


def _pending(responses: Sequence[Response], mine: Sequence[Verdict]) -> list[Response]:
    judged = Counter(v.key for v in mine)
    seen: Counter[tuple[str, str, int]] = Counter()
    out = []
    for response in responses:
        seen[response.key] += 1
        if seen[response.key] > judged[response.key]:
            out.append(response)
    return out


def _failed(responses: Sequence[Response], mine: Sequence[Verdict]) -> list[Response]:
    """Answers whose last verdict says that the judge itself failed."""
    last = {v.key: v for v in mine}
    latest = {r.key: r for r in responses}
    return [
        latest[key]
        for key, v in last.items()
        if v.label is None and v.reason.startswith("judge failed") and key in latest
    ]


def _last(run: Run, judge: Judge) -> dict[tuple[str, str, int], Verdict]:
    return {
        v.key: v
        for v in run.verdicts().records
        if (v.judge, v.version) == (judge.name, judge.version)
    }
