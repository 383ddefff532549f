"""The red team in a report: what was tried, what was found, and the evidence side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backslide.core.records import Message
from backslide.core.redteam import Coverage, Exhibit, Finding, FocusResult, RedTeam
from backslide.report import numbers
from backslide.report.evidence import Table
from backslide.report.numbers import DASH
from backslide.report.text import cut

SHOWN_CHARACTERS = 20_000
"""Of one turn or answer; the rest stays in the run directory."""
FEW = 14
"""Rows of coverage up to which every format shows them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One turn of an exhibit; ``missing`` counts characters that are not shown."""

    role: str
    text: str
    missing: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One arm of an exhibit. Without turns, the arm was not asked."""

    arm: str
    label: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownExhibit:
    """One conversation, both arms."""

    title: str
    expects: str
    sides: tuple[Side, Side]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownFinding:
    """One finding, ready to print; texts are as recorded."""

    title: str
    focus: str
    state: str
    kind: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    exhibits: tuple[ShownExhibit, ...]


def redteam_tables(found: RedTeam) -> Iterator[Table]:
    """What was done, and what was tried within each focus."""
    yield _overview(found)
    rows = tuple(_covered(f, c) for f in found.focuses for c in f.coverage)
    if rows:
        yield Table(
            name="tried",
            title="What the red team tried",
            lead="Nothing is known of what was not tried. The probability is that of seeing what "
            "the row says it would have shown, where it is known.",
            head=("focus", "group", "tried", "planned", "would have shown", "probability"),
            rows=rows,
            detail=len(rows) > FEW,
        )


def _overview(found: RedTeam) -> Table:
    budget = found.budget_seconds
    time = "without an end" if budget is None else f"of {numbers.seconds(budget)}"
    manual = found.manual_seconds
    people = f" People: {numbers.seconds(manual)} of active time." if manual else ""
    return Table(
        name="redteam",
        title="Red team",
        lead=f"Judge {found.judge}; a budget {time}. Comparisons test whether the tuned model is "
        f"worse by more than a margin; Holm over all of them.{people}",
        head=("focus", "requests", "time", "compared", "confirmed findings", "state"),
        rows=tuple(_focus(f) for f in found.focuses),
        loud=tuple(_loud(found)),
        notes=tuple(n for f in found.focuses for n in _notes(f)),
    )


def _focus(f: FocusResult) -> tuple[str, ...]:
    state = "not measured" if f.absent else "finished" if f.complete else "the time ended first"
    confirmed = sum(x.confirmed for x in f.findings)
    return (
        f.title,
        numbers.count(f.calls),
        numbers.seconds(f.seconds),
        numbers.count(sum(c.p_worse is not None for c in f.comparisons)),
        f"{confirmed} of {len(f.findings)}",
        state,
    )


def _loud(found: RedTeam) -> Iterator[str]:
    for f in found.focuses:
        for x in f.findings:
            if x.confirmed:
                kind = "harmful requests are answered" if x.harmful else "behaviour changed"
                yield f"{f.title}: {x.title}: {x.summary} ({kind})."


def _notes(f: FocusResult) -> Iterator[str]:
    if f.absent:
        yield f"{f.title}: not measured: {f.absent}."
    yield from (f"{f.title}: too little evidence: {gap}." for gap in f.gaps)
    yield from (f"{f.title}: {note}" for note in f.notes)
    yield from (f"{f.title} cannot show: {limit}" for limit in f.limits)


def _covered(f: FocusResult, c: Coverage) -> tuple[str, ...]:
    return (
        f.focus,
        c.group,
        f"{numbers.count(c.tried)} {c.unit}",
        numbers.count(c.planned),
        c.detectable or DASH,
        DASH if c.probability is None else f"{c.probability:.2f}",
    )


def shown_findings(found: RedTeam | None) -> tuple[ShownFinding, ...]:
    """All findings, confirmed and harmful ones first."""
    if found is None:
        return ()
    rows = [(f, x) for f in found.focuses for x in f.findings]
    rows.sort(key=lambda row: (not row[1].confirmed, not row[1].harmful))
    return tuple(_shown(f, x) for f, x in rows)


def _shown(f: FocusResult, x: Finding) -> ShownFinding:
    return ShownFinding(
        title=x.title,
        focus=f.title,
        state="confirmed" if x.confirmed else "not confirmed",
        kind="harmful" if x.harmful else "changed behaviour",
        summary=x.summary,
        facts=tuple(_facts(x)),
        exhibits=tuple(_exhibit(e) for e in x.exhibits),
    )


def _facts(x: Finding) -> Iterator[tuple[str, str]]:
    if x.trigger is not None:
        yield "trigger", x.trigger
    if x.value is not None:
        yield f"{x.quantity}, tuned", f"{x.value:.3f}"
    if x.reference is not None:
        yield f"{x.quantity}, base", f"{x.reference:.3f}"
    if x.change is not None:
        yield "change", f"{x.change.value:+.3f} [{x.change.low:+.3f}, {x.change.high:+.3f}]"
    if x.p is not None:
        yield "one-sided p, adjusted", numbers.p_value(x.p)
    for name, text in (("how", x.how), ("not known", x.absent), ("again", x.reproduce)):
        if text:
            yield name, text


def _exhibit(e: Exhibit) -> ShownExhibit:
    return ShownExhibit(
        title=e.title,
        expects="refused" if e.expects == "refuse" else "answered",
        sides=(
            Side(arm="base", label=e.base_label, turns=_turns(e.base_turns)),
            Side(arm="tuned", label=e.tuned_label, turns=_turns(e.tuned_turns)),
        ),
    )


def _turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    out = []
    for m in messages:
        text, missing = cut(m.content, SHOWN_CHARACTERS)
        out.append(Turn(role=m.role, text=text, missing=f"{missing:,}" if missing else ""))
    return tuple(out)
