"""Live progress on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from backslide.report.text import one_line

EVERY = 30.0
"""Seconds between plain lines."""


class Live:
    """Bars with rate, time left, tokens, failures and cost so far.

    Args:
        price: US dollars per million tokens that came back, or None when there is no price.
    """

    def __init__(self, price: float | None = None, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._bar = not quiet and self._console.is_terminal
        self._quiet = quiet
        self._price = price
        self._task: TaskID | None = None
        self._tokens = self._failures = self._done = self._total = 0
        self._name = ""
        self._started = self._spoken = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[extra]}"),
            console=self._console,
        )

    def __enter__(self) -> Self:
        if self._bar:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._progress.stop()

    def stage(self, name: str, total: int, done: int) -> None:
        """Begin a stage of ``total`` calls, ``done`` of them from an earlier try."""
        self._name, self._total, self._done = name, total, done
        self._tokens = self._failures = 0
        self._started = self._spoken = time.monotonic()
        if self._bar:
            self._task = self._progress.add_task(
                name, total=total, completed=done, rate="", extra=""
            )
        elif not self._quiet:
            kept = f", {done} kept from before" if done else ""
            print(f"{name}: {total} to do{kept}", file=sys.stderr, flush=True)

    def advance(self, calls: int, tokens: int, failures: int) -> None:
        """Count one finished batch."""
        self._done += calls
        self._tokens += tokens
        self._failures += failures
        if self._bar and self._task is not None:
            self._progress.update(self._task, advance=calls, extra=self._extra(), rate=self._rate())
        elif not self._quiet and time.monotonic() - self._spoken > EVERY:
            self._spoken = time.monotonic()
            print(
                f"{self._name}: {self._done}/{self._total} {self._rate()} {self._extra()}",
                file=sys.stderr,
                flush=True,
            )

    def note(self, text: str) -> None:
        """A line of talk."""
        if not self._quiet:
            self._console.print(one_line(text), markup=False, highlight=False)

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        return f"{self._tokens / seconds:.0f} tokens/s" if self._tokens else ""

    def _extra(self) -> str:
        parts = [f"{self._tokens:,} tokens"] if self._tokens else []
        if self._failures:
            parts.append(f"{self._failures} without result")
        if self._price is not None:
            parts.append(f"${self._tokens * self._price / 1e6:.2f}")
        return " ".join(parts)
