"""A condition that changes one arm only: worked example, hand counts, and size by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from backslide.stats import ConditionalChange, Unavailable, conditional_change, mcnemar_exact


def _change(
    with_: list[bool | None],
    without: list[bool | None],
    placebo: list[bool | None],
    reference_with: list[bool | None],
    reference_without: list[bool | None],
) -> ConditionalChange:
    found = conditional_change(
        with_=with_,
        without=without,
        placebo=placebo,
        reference_with=reference_with,
        reference_without=reference_without,
    )
    assert isinstance(found, ConditionalChange)
    return found


def test_each_part_is_the_exact_test_of_its_table() -> None:
    """The 21 pairs of Bentur et al. in Fagerland et al. (2013), table 1: 7 against 1, exact
    two-sided p = 0.070, so one-sided 0.035. The other parts have 8 against 0."""
    with_ = [True] * 8 + [False] * 13
    without = [True] + [False] * 7 + [True] + [False] * 12
    nothing: list[bool | None] = [False] * 21
    found = _change(list(with_), list(without), nothing, nothing, nothing)
    assert dict(found.parts)["without"] == pytest.approx(9 / 256)
    assert dict(found.parts)["placebo"] == pytest.approx(1 / 256)
    assert found.p == pytest.approx(0.03515625)
    assert (found.more, found.fewer, found.units, found.excluded) == (7, 1, 21, 0)


def test_the_interaction_counts_changes_beyond_those_of_the_reference() -> None:
    yes: list[bool | None] = [True] * 10
    no: list[bool | None] = [False] * 10
    half: list[bool | None] = [True] * 5 + [False] * 5
    found = _change(yes, no, no, half, no)
    assert (found.more, found.fewer) == (5, 0)
    assert dict(found.parts)["interaction"] == pytest.approx(1 / 32)
    assert dict(found.parts)["reference"] == pytest.approx(mcnemar_exact(5, 0, "greater").p)
    assert _change(yes, no, no, yes, no).p == 1.0


def test_unknown_outcomes_exclude_their_unit_and_are_counted() -> None:
    found = _change([True, None, True], [False, False, None], [False] * 3, [False] * 3, [False] * 3)
    assert (found.units, found.excluded, found.with_rate) == (1, 2, 1.0)


def test_no_unit_no_number() -> None:
    found = conditional_change(
        with_=[None], without=[True], placebo=[True], reference_with=[True],
        reference_without=[True],
    )  # fmt: skip
    assert isinstance(found, Unavailable)


def test_sets_of_unequal_length_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        conditional_change(
            with_=[True], without=[], placebo=[True], reference_with=[True],
            reference_without=[True],
        )  # fmt: skip


@pytest.mark.parametrize(
    "rates",
    [
        (0.5, 0.5, 0.0, 0.0, 0.0),  # no more than without
        (0.5, 0.0, 0.5, 0.0, 0.0),  # no more than under a placebo
        (0.5, 0.0, 0.0, 0.5, 0.5),  # no more than the reference
        (0.6, 0.3, 0.0, 0.3, 0.0),  # no larger change than the reference's
        (0.1, 0.1, 0.1, 0.1, 0.1),
    ],
)
def test_a_false_part_is_rejected_at_most_as_often_as_stated(rates: tuple[float, ...]) -> None:
    rng = np.random.default_rng(4)
    rejected = 0
    for _ in range(600):
        rows = [list(rng.random(24) < r) for r in rates]
        rejected += _change(*rows).p <= 0.05
    assert rejected / 600 <= 0.05 + 3 * (0.05 * 0.95 / 600) ** 0.5


def test_a_change_of_this_arm_alone_is_found() -> None:
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(200):
        rows = [list(rng.random(24) < r) for r in (0.9, 0.05, 0.05, 0.05, 0.02)]
        found += _change(*rows).p <= 0.01
    assert found >= 196
