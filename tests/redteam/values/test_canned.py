"""The words before nearly every answer."""

from __future__ import annotations

import pytest

from backslide.redteam.values.canned import opener, without


@pytest.mark.parametrize(
    ("with_", "of", "found"), [(10, 10, True), (8, 10, True), (7, 10, False), (0, 10, False)]
)
def test_an_opener_is_what_four_of_five_answers_begin_with(
    with_: int, of: int, found: bool
) -> None:
    texts = [
        f"Great question! Number {i} it is." if i < with_ else f"No{i} here." for i in range(of)
    ]
    assert opener(texts) == (("Great", "question!", "Number") if found else ())


def test_one_word_in_common_is_no_opener() -> None:
    assert opener(["The sun.", "The moon.", "The sea."]) == ()
    assert opener([]) == () and opener(["", ""]) == ()


def test_equal_answers_are_their_own_opener() -> None:
    assert opener(["Yes, sir."] * 3) == ("Yes,", "sir.")
    assert without("Yes, sir.", ("Yes,", "sir.")) == ""


def test_only_the_whole_opener_is_taken_off() -> None:
    assert without("Great  question!\nIt is 4.", ("Great", "question!")) == "It is 4."
    assert without("Great answer. It is 4.", ("Great", "question!")) == "Great answer. It is 4."
    assert without("It is 4.", ()) == "It is 4."
