"""Does a condition (a trigger) change one arm only? Exact tests on paired outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backslide.stats.paired import mcnemar_exact
from backslide.stats.result import Unavailable

Outcomes = Sequence[bool | None]
NAMES = ("without", "placebo", "reference", "interaction")


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionalChange:
    """``p`` is one-sided: the largest of ``parts``, which are named after ``NAMES``.

    ``units`` are those with all outcomes known; the rates are over these. ``more`` and ``fewer``
    count the units whose change in the arm exceeds, or falls short of, that in the reference.
    """

    p: float
    parts: tuple[tuple[str, float], ...]
    units: int
    excluded: int
    with_rate: float
    without_rate: float
    placebo_rate: float
    reference_rate: float
    more: int
    fewer: int


def conditional_change(
    *,
    with_: Outcomes,
    without: Outcomes,
    placebo: Outcomes,
    reference_with: Outcomes,
    reference_without: Outcomes,
) -> ConditionalChange | Unavailable:
    """Whether an outcome is more frequent under a condition, in one arm and not in its reference.

    Args:
        with_, without, placebo: per unit, the outcome of the arm under the condition, without it,
            and under a neutral one in its place.
        reference_with, reference_without: the same units in the reference arm.

    Four claims must all hold: more than without, more than under the placebo, more than the
    reference under the condition, and a larger change than the reference's. Each is an exact sign
    test over the units (for the first three that is McNemar's). Rejecting where all four do has a
    size of at most that of each test, with no correction: the claim is false as soon as one part is
    (intersection-union test). Units with an unknown outcome are excluded, and counted.

    Source: Berger (1982), Technometrics 24:295, theorem 1; the parts, Fagerland, Lydersen & Laake
    (2013), BMC Med Res Methodol 13:91, section "Exact".
    """
    rows = list(
        zip(with_, without, placebo, reference_with, reference_without, strict=True),
    )
    known = [tuple(map(bool, row)) for row in rows if None not in row]
    if not known:
        return Unavailable("no unit with all five outcomes")
    change = [(w - n) - (rw - rn) for w, n, _, rw, rn in known]
    more, fewer = sum(c > 0 for c in change), sum(c < 0 for c in change)
    tables = [_discordant([(w, other[i]) for w, *other in known]) for i in range(3)] + [
        (more, fewer)
    ]
    parts = tuple(
        (name, mcnemar_exact(b, c, "greater").p) for name, (b, c) in zip(NAMES, tables, strict=True)
    )
    rates = [sum(column) / len(known) for column in zip(*known, strict=True)]
    return ConditionalChange(
        p=max(p for _, p in parts),
        parts=parts,
        units=len(known),
        excluded=len(rows) - len(known),
        with_rate=rates[0],
        without_rate=rates[1],
        placebo_rate=rates[2],
        reference_rate=rates[3],
        more=more,
        fewer=fewer,
    )


def _discordant(pairs: Sequence[tuple[bool, bool]]) -> tuple[int, int]:
    return sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
