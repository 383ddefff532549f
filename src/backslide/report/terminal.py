"""The last screen: checks, what was not judged, limits, next commands, and the verdict as the very
last line. Nothing a model wrote can move the cursor, change a colour or hide text here."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backslide.core.results import Audit, Severity
from backslide.report.caveats import MISSING
from backslide.report.grid import render_table
from backslide.report.rows import Cell, Row
from backslide.report.text import ascii_only, cut, one_line
from backslide.report.view import View, build_view

MANY = 24
"""Categories from which those that are ok are summed up in one line."""
LEAST = 16
"""Columns that the names of checks need; where they do not fit, there is no table."""
ROOMY = 130
"""Columns from which a cell's numbers stand on one line."""
_STYLES: dict[Severity | None, str] = {
    "pass": "green", "note": "dim", "acceptance": "yellow", "review": "yellow",
    "inconclusive": "magenta", "block": "bold white on red", None: "dim",
}  # fmt: skip
_OUTCOMES = {
    "deploy": "bold green", "deploy_enhanced": "bold yellow", "human_review": "bold yellow",
    "inconclusive": "bold magenta", "block": "bold red", "nothing_found": "bold green",
}  # fmt: skip


def render_terminal(audit: Audit, console: Console) -> None:
    """Print the whole result; the last line is the verdict."""
    _Screen(audit, console).show()


class _Screen:
    """One audit on one console."""

    def __init__(self, audit: Audit, console: Console) -> None:
        self.audit, self.console = audit, console
        self.view: View = build_view(audit)
        self.plain = not console.encoding.lower().replace("-", "").startswith("utf")
        self.roomy = console.width >= ROOMY

    def show(self) -> None:
        self._checks()
        self._list("Why", [self._why(r) for r in self.view.firing])
        self._list("Not judged or left out", list(self._lost()))
        self._list(
            "Doubts",
            [
                f"{c.name}: {c.text}"
                for c in self.view.caveats
                if c.state in ("doubt", "unknown") and c.name != MISSING
            ],
        )
        for table in (t for t in self.view.tables if not t.detail):
            render_table(table, self.console)
        self._list("Limits", [f"{x.name}: {x.numbers}" for x in self.audit.limits])
        self._list("What to do", list(self.view.remedies))
        self._list("Next", list(self.view.commands), whole=True)
        self._line(self.view.line, _OUTCOMES[self.view.outcome])

    def text(self, text: str, style: str = "") -> Text:
        """Plain text, whatever it holds: no markup, no escapes, ASCII where the stream needs it."""
        text = "\n".join(one_line(line) for line in text.split("\n"))
        return Text(ascii_only(text) if self.plain else text, style=style)

    def _line(self, text: str, style: str = "") -> None:
        self.console.print(self.text(one_line(text), style), soft_wrap=True, highlight=False)

    def _list(self, title: str, lines: list[str], *, whole: bool = False) -> None:
        if not lines:
            return
        self._line(title, "bold")
        for line in lines:
            shown, missing = (line, 0) if whole else cut(one_line(line), 400)
            body = self.text(one_line(shown) + (" \u2026" if missing else ""))
            if whole:
                body = Text("  ") + body
                self.console.print(body, soft_wrap=True, highlight=False)
            else:
                self._hanging(body)
        self.console.print()

    def _hanging(self, body: Text, sign: str = "\u2022") -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=3, justify="right")
        grid.add_column(overflow="fold")
        grid.add_row(self.text(sign), body)
        self.console.print(grid, highlight=False)

    def _checks(self) -> None:
        unbounded = self.console.options.update(width=10_000)
        needed = self.console.measure(self._table(LEAST), options=unbounded).minimum
        if needed <= self.console.width:
            self.console.print(self._table(), highlight=False)
        else:
            self._blocks()
        caption = f"worse by: {self.view.convention}. {self.view.intervals}"
        self.console.print(self.text(caption, "dim"), highlight=False)
        self.console.print()

    def _entries(self) -> Iterator[str | Row]:
        """Headings and rows; many categories that are ok become one line."""
        for group, rows in self.view.groups.items():
            if any(r.category is not None for r in rows):
                yield group
            shown = [r for r in rows if len(rows) <= MANY or r.severity not in ("pass", "note")]
            yield from shown
            if len(shown) < len(rows):
                yield f"  {len(rows) - len(shown)} more are ok"
            yield ""
        if self.view.noise:
            yield self.view.noise

    def _table(self, check: int | None = None) -> Table:
        """Six columns; numbers and marks are never cut, ``check`` bounds the first column."""
        table = Table(
            box=box.ASCII if self.plain else box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
        )
        table.add_column("check", overflow="fold", min_width=LEAST, max_width=check)
        for name in ("base", "tuned", "worse by"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("limit", overflow="fold", max_width=20 if self.roomy else 9)
        table.add_column("mark", no_wrap=True)
        for entry in self._entries():
            if isinstance(entry, Row):
                self._row(table, entry)
            elif entry:
                table.add_row(self.text(entry, "dim"))
            else:
                table.add_section()
        return table

    def _row(self, table: Table, r: Row) -> None:
        name = self._name(r)
        if r.absent and r.compared:
            name = name + Text("\n") + self._short(f"({r.absent})", 90, "dim")
        table.add_row(
            name, self._cell(r.base), self._cell(r.tuned), self._change(r),
            self._short(r.limit, 60), self.text(r.mark, _STYLES[r.severity]),
        )  # fmt: skip

    def _blocks(self) -> None:
        """For narrow screens: a check is some lines of text, its mark first."""
        for entry in self._entries():
            if not isinstance(entry, Row):
                self._line(entry, "dim")
                continue
            numbers = f"base {entry.base.line}, tuned {entry.tuned.line}, worse by {entry.change}"
            numbers = " ".join(x for x in (numbers, entry.interval, entry.relative) if x)
            why = f" ({one_line(entry.absent)})" if entry.absent else ""
            limit = f"; limit {one_line(entry.limit)}" if entry.severity else ""
            mark = self.text(entry.mark, _STYLES[entry.severity])
            gap = Text(" " * max(1, 7 - len(entry.mark)))
            self.console.print(mark + gap + self._short(entry.category or entry.title, 120))
            self._hanging(self._short(numbers + why + limit, 400), "")

    def _name(self, r: Row) -> Text:
        """Categories go by their own names, a little to the right of their heading."""
        if r.category is None:
            return self._short(r.title, 120)
        return Text("  ") + self._short(r.category, 120)

    def _short(self, text: str, length: int, style: str = "") -> Text:
        shown, missing = cut(one_line(text), length)
        return self.text(shown + ("\u2026" if missing else ""), style)

    def _cell(self, cell: Cell) -> Text:
        if self.roomy or not cell.count:
            return self.text(cell.line)
        return self.text(f"{cell.value}\n{cell.count}")

    def _change(self, r: Row) -> Text:
        lines = [f"{r.change} {r.interval}".strip()] if self.roomy else [r.change, r.interval]
        return self.text("\n".join(line for line in [*lines, r.relative] if line))

    def _why(self, r: Row) -> str:
        band = f"{r.band}; " if r.band else ""
        return f"{r.mark}: {r.title}: {band}{r.reason}"

    def _lost(self) -> Iterator[str]:
        for e in self.view.lost:
            yield f"{e.title}: {e.reason}: base {e.base}, tuned {e.tuned}"
        for line in self.view.not_measured:
            yield f"not measured: {line}"
