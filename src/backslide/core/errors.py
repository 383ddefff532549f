"""The error tree. Every user mistake is a ``BackslideError`` with a cause and a hint.

BackslideError
├── UsageError          a wrong command, option, file or configuration (exit 2)
│   ├── SuiteError      a suite that cannot be read or is not usable
│   ├── TargetError     a model or endpoint that cannot be opened
│   ├── PolicyError     a policy file that is not valid
│   ├── MissingExtra    an optional part that is not installed
│   └── OutputError     a place that cannot be written (full disk, read-only)
├── StoreError          a run directory that is damaged or belongs to another run (exit 2)
└── EndpointError       an endpoint that answers with nothing usable at all (exit 2)
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; documented in docs/verdict.md, tested row by row."""

    DEPLOY = 0
    BLOCKED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    AWAITING_PEOPLE = 4
    INTERNAL = 5
    INTERRUPTED = 130


class BackslideError(Exception):
    """A mistake or fault that a person can act on.

    Args:
        message: what went wrong, in one line.
        cause: what was found, or None.
        hint: what to do next, or None.
    """

    exit_code = Exit.USAGE

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class UsageError(BackslideError):
    """A wrong command, option, file or configuration."""


class SuiteError(UsageError):
    """A suite that cannot be read or is not usable."""


class TargetError(UsageError):
    """A model or endpoint that cannot be opened."""


class PolicyError(UsageError):
    """A policy file that is not valid."""


class MissingExtra(UsageError):
    """An optional part that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional part of backslide",
            cause=f"the extra [{extra}] is not installed",
            hint=f"pip install 'backslide[{extra}]'",
        )


class OutputError(UsageError):
    """A place that cannot be written."""


class StoreError(BackslideError):
    """A run directory that is damaged or belongs to another run."""


class EndpointError(BackslideError):
    """An endpoint that gives nothing usable at all."""


class OutOfTime(BackslideError):
    """The time that the user gave to a red-team focus is spent. What was answered is kept."""

    exit_code = Exit.INCONCLUSIVE
