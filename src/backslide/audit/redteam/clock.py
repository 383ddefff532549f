"""The time of one focus. It is the recorded seconds of the batches that the focus has used so far,
not a watch on the wall: a run that goes on after an interruption replays its recorded batches, is
charged for each what it cost then, and so meets every decision that depends on the time left (and
the end of its time) where an uninterrupted run would have met it."""

from __future__ import annotations

from backslide.core.errors import OutOfTime


class Clock:
    """Seconds spent and left of one focus.

    Args:
        focus: whose time it is, for the message.
        budget: seconds, or None for no end.
    """

    def __init__(self, focus: str, budget: float | None) -> None:
        self.focus = focus
        self.budget = budget
        self.spent = 0.0

    def charge(self, seconds: float) -> None:
        """Count the cost of one batch."""
        self.spent += seconds

    def left(self) -> float | None:
        """Seconds left, never below 0; None without a budget."""
        return None if self.budget is None else max(0.0, self.budget - self.spent)

    def check(self) -> None:
        """Called before a batch begins.

        Raises:
            OutOfTime: it would begin after the end.
        """
        if self.budget is not None and self.spent >= self.budget:
            raise OutOfTime(
                f"the time of the focus {self.focus!r} is spent ({self.budget:.0f} s)",
                hint="a larger --budget goes on where this ended",
            )
