"""The rows of the check table: one per check or comparison, every cell already text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backslide.core.results import ArmSummary, Audit, CheckResult, Comparison, Excluded, Severity
from backslide.report import numbers
from backslide.report.numbers import DASH
from backslide.report.words import CONDITIONS, FINDINGS, GROUPS, MARKS, UNGATED

NO_REASON = "no reason was recorded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One arm: its value, the count behind it, its interval. Empty texts are left out."""

    value: str
    count: str = ""
    interval: str = ""

    @property
    def line(self) -> str:
        """``412/420 98.1 %``"""
        return f"{self.count} {self.value}".strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One check, ready to print. ``absent`` says why there is no number where there is none."""

    check: str
    group: str
    title: str
    category: str | None
    compared: bool
    base: Cell
    tuned: Cell
    change: str
    interval: str
    relative: str
    relative_interval: str
    limit: str
    mark: str
    severity: Severity | None
    band: str
    rule: str
    reason: str
    remedy: str
    absent: str
    excluded: tuple[Excluded, ...]
    details: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def build_rows(audit: Audit) -> tuple[Row, ...]:
    """Comparisons with their checks, then the checks that compare nothing.

    The order is that of the record, but for categories: the worst change comes first, and those
    without a number come last.
    """
    checks = {c.check: c for c in audit.decision.checks}
    found = [c for f in audit.redteam.focuses for c in f.comparisons] if audit.redteam else []
    rows = [_compared(c, checks.get(c.check)) for c in (*_worst_first(audit.comparisons), *found)]
    seen = {c.check for c in (*audit.comparisons, *found)}
    rows += [_condition(c) for c in audit.decision.checks if c.check not in seen]
    return tuple(rows)


def groups(rows: tuple[Row, ...]) -> dict[str, list[Row]]:
    """Rows by group, in order of first appearance."""
    out: dict[str, list[Row]] = {}
    for row in rows:
        out.setdefault(row.group, []).append(row)
    return out


def noise_row(audit: Audit) -> Row | None:
    """The base against itself, in the same form as any other row."""
    return _compared(audit.noise, None) if audit.noise else None


def _worst_first(comparisons: tuple[Comparison, ...]) -> list[Comparison]:
    ranked = iter(sorted((c for c in comparisons if c.dimension == "category"), key=_badness))
    return [next(ranked) if c.dimension == "category" else c for c in comparisons]


def _badness(c: Comparison) -> tuple[bool, float]:
    change = numbers.usable(c.change)
    return (change is None, -change.value if change else 0.0)


def _compared(c: Comparison, check: CheckResult | None) -> Row:
    change, relative, scale = (
        numbers.usable(c.change),
        numbers.usable(c.relative),
        numbers.scale_of(c),
    )
    return Row(
        check=c.check,
        group=GROUPS[c.dimension],
        title=check.title if check else c.title,
        category=c.category,
        compared=True,
        base=_cell(c, c.base),
        tuned=_cell(c, c.tuned),
        change=numbers.change(change.value, scale) if change else DASH,
        interval=numbers.change_interval(change, scale) if change else "",
        relative=numbers.relative(relative.value) if relative else "",
        relative_interval=numbers.relative_interval(relative) if relative else "",
        limit=check.limit if check and check.limit else DASH,
        mark=MARKS[check.severity] if check else UNGATED if change else DASH,
        severity=check.severity if check else None,
        band=check.band if check else "",
        rule=check.rule if check else "",
        reason=check.reason if check else "",
        remedy=(check.remedy or "") if check else "",
        absent="" if change else c.absent or NO_REASON,
        excluded=c.excluded,
        details=tuple(_details(c)),
        notes=c.notes,
    )


def _condition(check: CheckResult) -> Row:
    blank = Cell(value=DASH)
    return Row(
        check=check.check, group=_group(check), title=check.title, category=None, compared=False,
        base=blank, tuned=blank, change=DASH, interval="", relative="", relative_interval="",
        limit=check.limit or DASH, mark=MARKS[check.severity], severity=check.severity,
        band=check.band, rule=check.rule, reason=check.reason, remedy=check.remedy or "",
        absent="a condition, not a comparison", excluded=(), details=(), notes=(),
    )  # fmt: skip


def _group(check: CheckResult) -> str:
    return FINDINGS if check.check.startswith("redteam.") else CONDITIONS


def _cell(c: Comparison, arm: ArmSummary) -> Cell:
    value, scale = numbers.arm_value(arm), numbers.scale_of(c)
    if value is None:
        return Cell(value=DASH)
    return Cell(
        value=numbers.level(value, scale),
        count=numbers.arm_count(arm, scale),
        interval=numbers.arm_interval(arm, scale),
    )


def _details(c: Comparison) -> Iterator[tuple[str, str]]:
    """Everything else that was measured, as (name, value); what is missing is left out."""
    yield "pairs", numbers.count(c.pairs)
    yield "independent clusters", numbers.count(c.clusters)
    yield from _flips(c)
    yield from _bounds(c)
    if c.margin is not None:
        yield "margin of the test", numbers.size(c.margin, numbers.scale_of(c))
    if c.p_worse is not None:
        yield "one-sided p that it is worse", numbers.p_value(c.p_worse)
    if c.p_adjusted is not None:
        family = "categories" if c.margin is None else "all of the red team"
        yield f"the same, Holm over {family}", numbers.p_value(c.p_adjusted)
    if c.design_effect is not None:
        yield "design effect of clusters", f"{c.design_effect:.2f}"
    if c.detectable is not None:
        yield "smallest drop this size can detect", numbers.size(c.detectable, numbers.scale_of(c))
    if pooled := numbers.usable(c.pooled):
        low, high = numbers.percent(pooled.low), numbers.percent(pooled.high)
        yield f"pooled: {pooled.method}", f"{numbers.percent(pooled.value)} [{low}, {high}]"
    if c.method:
        yield "method", c.method


def _flips(c: Comparison) -> Iterator[tuple[str, str]]:
    if c.losses is not None and c.gains is not None:
        yield "lost: only the base did it", numbers.count(c.losses)
        yield "gained: only the other did it", numbers.count(c.gains)


def _bounds(c: Comparison) -> Iterator[tuple[str, str]]:
    if c.lower is not None and c.upper is not None:
        scale = numbers.scale_of(c)
        low, high = numbers.change(c.lower, scale), numbers.change(c.upper, scale)
        yield "one-sided 95 % bounds", f"{low} to {high}"
    if c.relative_lower is not None and c.relative_upper is not None:
        low, high = numbers.relative(c.relative_lower), numbers.relative(c.relative_upper)
        yield "the same, relative", f"{low} to {high}"
