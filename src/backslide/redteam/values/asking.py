"""Both arms asked the same, and what one part of the focus hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backslide.core.protocols import Asker
from backslide.core.records import Arm, Failure, Prompt, Response, Sampling
from backslide.core.redteam import Coverage, Exhibit
from backslide.core.results import Comparison
from backslide.redteam.outcome import Question, compare_rates

Row = Sequence[float] | Failure
BOTH: tuple[Arm, Arm] = ("base", "tuned")


class Pair:
    """An asker that always asks both arms, and begins with the arm that was asked last: of two
    large models only one fits into memory, and each change loads one."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.calls = 0
        self._order = BOTH

    def ask(
        self, prompts: Mapping[Arm, Sequence[Prompt]], sampling: Sampling, *, repeat: int = 0
    ) -> dict[Arm, list[Response]]:
        """The answers of both arms; their prompts differ where they hold a model's own answer."""
        found: dict[Arm, list[Response]] = {}
        for arm in self._arms():
            found[arm] = self.asker.ask(arm, prompts[arm], sampling, repeat=repeat)
            self.calls += len(prompts[arm])
        return found

    def same(self, prompts: Sequence[Prompt], sampling: Sampling) -> dict[Arm, list[Response]]:
        """The answers of both arms to the same prompts."""
        return self.ask({"base": prompts, "tuned": prompts}, sampling)

    def likelihoods(
        self, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]
    ) -> dict[Arm, list[Row]]:
        """Both arms' log-likelihoods of the same answers.

        Raises:
            TargetError: an arm gives none.
        """
        found: dict[Arm, list[Row]] = {}
        for arm in self._arms():
            found[arm] = self.asker.log_likelihoods(arm, prompts, answers)
            self.calls += len(prompts)
        return found

    def _arms(self) -> tuple[Arm, Arm]:
        arms = self._order
        self._order = (arms[1], arms[0])
        return arms


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What one part of the focus found. ``exhibits`` are keyed by the check they belong to. With
    ``complete`` False the time ended in the middle, and this is what there was until then."""

    comparisons: tuple[Comparison, ...]
    coverage: tuple[Coverage, ...] = ()
    exhibits: Mapping[str, tuple[Exhibit, ...]] | None = None
    notes: tuple[str, ...] = ()
    complete: bool = True


def in_blocks(total: int, sizes: Sequence[int]) -> list[range]:
    """``range(total)`` in blocks of these sizes, the last of them for all others. Small blocks
    first: a short time then ends with whole pairs."""
    out: list[range] = []
    start = 0
    while start < total:
        size = sizes[min(len(out), len(sizes) - 1)]
        out.append(range(start, min(start + size, total)))
        start += size
    return out


def absent(question: Question, reason: str) -> Comparison:
    """A comparison that could not be made."""
    return replace(compare_rates(question, [], [], []), absent=reason)


def reading(comparison: Comparison, note: str = "for reading, not tested") -> Comparison:
    """A comparison that people read and the gate does not test: each test costs the others
    power."""
    return replace(comparison, p_worse=None, notes=(*comparison.notes, note))


def both_needed(first: Comparison, second: Comparison, note: str) -> Comparison:
    """``first``, flagged only where ``second`` is too: the larger p value of the two.

    An intersection-union test (Berger 1982, Technometrics 24:295): the larger of two p values has
    the level of either, without a correction.
    """
    if first.p_worse is None or second.p_worse is None:
        return replace(first, p_worse=None, notes=(*first.notes, note))
    return replace(first, p_worse=max(first.p_worse, second.p_worse), notes=(*first.notes, note))


def mean_odds(row: Row) -> float | None:
    """The answers come in pairs: the mean over pairs of the log-likelihood of the first minus that
    of the second, in nats; None after a failure."""
    if isinstance(row, Failure):
        return None
    odds = [row[i] - row[i + 1] for i in range(0, len(row), 2)]
    return sum(odds) / len(odds)


def failed(row: Row) -> str:
    """Why there are no log-odds, "" where there are."""
    return row.kind if isinstance(row, Failure) else ""
