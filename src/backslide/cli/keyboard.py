"""Lines from a person at a terminal, with one key that needs no Enter.

The terminal's own line editing stays: the key is a further end of a line (``VEOL``), which POSIX
terminals know. Elsewhere, and where the input is a file or a pipe, lines are lines.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import click

KEY = "\t"
AT_ONCE = 65536


class Keyboard:
    """Asks and reads; the question goes to stderr, so that stdout holds the result only."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        with suppress(ImportError, OSError, ValueError):
            import termios

            if sys.stdin.isatty():
                before = termios.tcgetattr(sys.stdin.fileno())
                _set_key(before)
                self._before = before
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
            self._before = None

    @property
    def has_key(self) -> bool:
        """Whether ``KEY`` alone is answered at once."""
        return self._before is not None

    def __call__(self, question: str) -> str | None:
        """One line without its end, ``KEY`` alone, or None at the end of the input."""
        click.echo(question, nl=False, err=True)
        if self.has_key:
            return _typed(sys.stdin.fileno())
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None


def _set_key(before: list[Any]) -> None:
    import termios

    changed = [*before[:6], list(before[6])]
    changed[6][termios.VEOL] = KEY.encode()
    termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, changed)


def _typed(descriptor: int) -> str | None:
    """The next line. The key within a line is a space: what was typed before it cannot be taken
    out of the terminal again."""
    data = b""
    while not data.endswith(b"\n"):
        part = os.read(descriptor, AT_ONCE)
        if not part:
            return _text(data) if data else None
        data += part
        if data == KEY.encode():
            return KEY
    return _text(data)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\r\n").replace(KEY, " ")
