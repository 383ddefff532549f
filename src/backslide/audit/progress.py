"""What long work tells about itself; the command line decides how to show it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told about each stage and each finished batch."""

    def stage(self, name: str, total: int, done: int) -> None: ...

    def advance(self, calls: int, tokens: int, failures: int) -> None: ...

    def note(self, text: str) -> None: ...


class Silent:
    """Shows nothing."""

    def stage(self, name: str, total: int, done: int) -> None:
        """Ignored."""

    def advance(self, calls: int, tokens: int, failures: int) -> None:
        """Ignored."""

    def note(self, text: str) -> None:
        """Ignored."""
