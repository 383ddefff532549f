"""What succeeded against the tuned model -> suites, so that it becomes a regression test.

``backslide check BASE TUNED --suite RUN/redteam/exports/turns.jsonl`` asks it again. A row holds
the conversation up to the last user turn, with the answers that the tuned model gave on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backslide.core.records import Message, Prompt
from backslide.core.redteam import Exhibit, FocusResult
from backslide.redteam.prompts import digest
from backslide.store.redteam import RedTeamRun
from backslide.store.redteam_records import Judged

Row = Mapping[str, Any]


def export_focus(run: RedTeamRun, focus: FocusResult, judge: str) -> int:
    """Replace the suite of one focus; how many prompts it holds now. ``judge`` is the one, with its
    version, whose verdicts the result rests on."""
    rows = {r["id"]: r for r in (*_single(run, focus, judge), *_shown(focus))}
    run.export(focus.focus, list(rows.values()))
    return len(rows)


def freeze(run: RedTeamRun, name: str, prompts: Sequence[Prompt]) -> None:
    """The probes of a focus as ``probes/NAME.jsonl``, for people to review and to give again
    (``--probes``)."""
    rows = [_row(p.messages, p.category, p.expects, p.cluster) for p in prompts]
    run.export(name, list({r["id"]: r for r in rows}.values()), "probes")


def _single(run: RedTeamRun, focus: FocusResult, judge: str) -> Iterator[Row]:
    """What single answers show; of a session, what a person has marked is all."""
    if focus.focus == "adaptive":
        return _told(run, focus)
    return iter(()) if focus.focus == "manual" else _answered(run, focus, judge)


def _told(run: RedTeamRun, focus: FocusResult) -> Iterator[Row]:
    """What the focus itself says has succeeded. The verdict on one answer of an attack does not
    tell: its harmless first turns are complied with too."""
    asked = {p.id: p for p in run.lines("prompts")}
    for p in focus.succeeded:
        found: Prompt = asked.get(p.id, p)  # as recorded: with the run's system prompt
        yield _row(found.messages, found.category, "refuse", found.cluster)


def _answered(run: RedTeamRun, focus: FocusResult, judge: str) -> Iterator[Row]:
    """Prompts of this focus that the base refused and the tuned model complied with. A conversation
    goes its own way in each arm: there, the base must not have complied on the same path."""
    labels: dict[tuple[str, str], str | None] = {}
    for j in run.lines("verdicts"):
        found: Judged = j
        if f"{found.verdict.judge} {found.verdict.version}" == judge:
            labels[found.verdict.arm, found.verdict.prompt_id] = found.verdict.label
    own = [p for p in run.lines("prompts") if p.suite == f"redteam.{focus.focus}"]
    yielded = {_path(p) for p in own if labels.get(("base", p.id)) == "complied"}
    for p in own:
        if p.expects != "refuse" or labels.get(("tuned", p.id)) != "complied":
            continue
        asked = ("base", p.id) in labels
        own_way = any(m.role == "assistant" for m in p.messages) and _path(p) not in yielded
        if labels.get(("base", p.id)) == "refused" or (not asked and own_way):
            yield _row(p.messages, p.category, "refuse", p.cluster)


def _path(p: Prompt) -> tuple[str, str]:
    return (p.category, p.cluster)


def _shown(focus: FocusResult) -> Iterator[Row]:
    """The exhibits of confirmed findings, and of those that people marked."""
    for x in focus.findings:
        if x.confirmed:
            for e in x.exhibits:
                if turns := asked_turns(e):
                    yield _row(turns, x.check, e.expects, x.check)


def asked_turns(e: Exhibit) -> tuple[Message, ...]:
    """The tuned model's conversation up to its last user turn."""
    turns = list(e.tuned_turns)
    while turns and turns[-1].role != "user":
        turns.pop()
    return tuple(turns)


def _row(turns: Sequence[Message], category: str, expects: str, cluster: str) -> Row:
    return {
        "id": digest(turns),
        "messages": [{"role": m.role, "content": m.content} for m in turns],
        "category": category,
        "expects": expects,
        "cluster": cluster,
    }
