"""What a focus says about itself while it runs, without a line for each of its many small calls."""

from __future__ import annotations

import time
from collections.abc import Callable

from backslide.audit.progress import Progress

FEW = 8
"""Requests from which a call is worth a bar of its own."""
EVERY = 30.0
"""Seconds between lines about small calls and about the same stage."""


class Talk:
    """Passes a focus's progress on.

    Args:
        focus: its name, before every line.
        progress: where it goes.
    """

    def __init__(
        self, focus: str, progress: Progress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._focus = focus
        self._progress = progress
        self._clock = clock
        self._bar = False
        self._stage = ""
        self._spoken = float("-inf")
        self._made = 0

    def asking(self, arm: str, total: int, kept: int) -> None:
        """A call begins; ``kept`` of its answers are on file."""
        self._bar = total >= FEW
        if self._bar:
            self._progress.stage(f"{self._focus}: {arm}", total, kept)

    def done(self, calls: int, tokens: int, failures: int) -> None:
        """A batch is recorded."""
        self._made += calls
        if self._bar:
            self._progress.advance(calls, tokens, failures)
        elif self._clock() - self._spoken >= EVERY:
            self._spoken = self._clock()
            self._progress.note(f"{self._focus}: {self._made} answers so far")

    def stage(self, name: str, done: int, total: int) -> None:
        """The focus says where it is."""
        if name == self._stage and self._clock() - self._spoken < EVERY:
            return
        self._stage, self._spoken = name, self._clock()
        self._progress.note(f"{self._focus}: {name} {done}/{total}")

    def note(self, text: str) -> None:
        """A line of talk."""
        self._progress.note(f"{self._focus}: {text}")
