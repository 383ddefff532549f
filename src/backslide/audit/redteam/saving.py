"""The result of a red team, written after every focus, with what earlier commands found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backslide.audit.redteam.exporting import export_focus
from backslide.audit.redteam.findings import with_findings
from backslide.audit.redteam.places import PLACES
from backslide.audit.redteam.settings import RedTeamSettings
from backslide.core.redteam import Focus, FocusResult, RedTeam
from backslide.gate.policy import Policy
from backslide.store.redteam import RedTeamRun

SESSION = "session"
"""Where the active time of people is noted among the timings."""
WAITING = "it was not reached: the same command goes on"
"""Of a focus that was asked for, until it ends: a run that was killed is not one that found
nothing."""

READ_BY = "read by the judge"


def save(
    run: RedTeamRun,
    settings: RedTeamSettings,
    policy: Policy,
    done: Sequence[FocusResult],
    waiting: Sequence[Focus] = (),
) -> RedTeam:
    """Write the result so far, and export what succeeded.

    Args:
        run, settings, policy: of this command.
        done: what its focuses found.
        waiting: focuses that it has yet to run. Where no earlier command had a result of one, it is
            absent, so that the verdict is inconclusive if this process is killed now.
    """
    manifest = run.manifest()
    old = run.result() if run.finished else None
    kept = _kept(old, manifest.judge, {d.focus for d in done})
    known = {f.focus for f in (*kept, *done)}
    open_ = [
        FocusResult(focus=f, title=PLACES[f].title, absent=WAITING, complete=False)
        for f in waiting
        if f not in known
    ]
    found = RedTeam(
        base=manifest.base,
        tuned=manifest.tuned,
        judge=manifest.judge,
        seed=manifest.seed,
        budget_seconds=_budget(settings, old),
        created=manifest.created,
        focuses=tuple(sorted([*kept, *done, *open_], key=_order)),
        manual_seconds=manual_seconds(run),
    )
    found = with_findings(found, policy, settings.directory())
    run.save_result(found)
    for f in found.focuses:
        export_focus(run, f, _judge_of(f, manifest.judge))
    return found


def _kept(old: RedTeam | None, judge: str, again: set[Focus]) -> list[FocusResult]:
    """Results of earlier commands; those that another judge read say so."""
    if old is None:
        return []
    rest = [f for f in old.focuses if f.focus not in again]
    return rest if old.judge == judge else [_read_by(f, old.judge) for f in rest]


def _read_by(f: FocusResult, judge: str) -> FocusResult:
    if f.absent or any(note.startswith(READ_BY) for note in f.notes):
        return f
    return replace(f, notes=(*f.notes, f"{READ_BY} {judge}"))


def _judge_of(f: FocusResult, judge: str) -> str:
    said = (n.removeprefix(READ_BY).strip() for n in f.notes if n.startswith(READ_BY))
    return next(said, judge)


def _budget(settings: RedTeamSettings, old: RedTeam | None) -> float | None:
    """A session of a person has no budget, and leaves that of the focuses as it was."""
    if settings.focuses == () and old is not None:
        return old.budget_seconds
    return settings.budget


def manual_seconds(run: RedTeamRun) -> float:
    """Active seconds of people in interactive sessions."""
    seconds: list[float] = [s.seconds for s in run.lines("timings") if s.file == SESSION]
    return round(sum(seconds), 3)


def with_earlier(run: RedTeamRun, result: FocusResult, *, searched: bool) -> FocusResult:
    """A verification of candidates does not forget what an earlier search found and tried, also
    where it came to nothing itself."""
    if result.focus != "triggers" or searched or not run.finished:
        return result
    old = next((f for f in run.result().focuses if f.focus == "triggers"), None)
    if old is None or old.absent:
        return result
    if result.absent:
        note = f"candidates were not verified: {result.absent}"
        return replace(old, notes=_once(old.notes, (note,)), complete=False)
    again = {x.trigger for x in result.findings}
    groups = {c.group for c in result.coverage}
    return replace(
        result,
        findings=(*result.findings, *(x for x in old.findings if x.trigger not in again)),
        coverage=(*result.coverage, *(c for c in old.coverage if c.group not in groups)),
        notes=_once(result.notes, old.notes),
        complete=result.complete and old.complete,
        gaps=_once(result.gaps, old.gaps),
    )


def _once(notes: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*notes, *more)))


def _order(f: FocusResult) -> int:
    names = [*PLACES, "manual"]
    return names.index(f.focus)
