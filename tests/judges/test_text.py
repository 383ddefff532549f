from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backslide.judges import phrases
from backslide.judges.language import is_foreign
from backslide.judges.phrases import compile_cues, cues, languages
from backslide.judges.reading import ORDER, read
from backslide.judges.text import LIMIT, clean, count_words, excerpt, plain, split

SETS = {"lead": ["but"], "me": ["i", "we"], "act": ["help", "tell you"], "adv": ["", "really"]}


@pytest.mark.parametrize(
    ("phrase", "sentence", "found"),
    [
        ("{me} cannot {act}", "I can't help.", True),
        ("{me} cannot {act}", "We cannot tell you.", True),
        ("{me} cannot {act}", "You cannot help.", False),
        ("{me} cannot ... {act}", "I cannot in good conscience help.", True),
        ("{me} cannot ... {act}", "I cannot a b c d e f g help.", False),
        ("{me} {adv} cannot", "I really can't.", True),
        ("^ cannot", "But cannot.", True),
        ("^ cannot", "He cannot.", False),
        ("no $", "I said no.", True),
        ("no $", "No, sir.", False),
        ("harm*", "It is harmful.", True),
        ("harm", "It is harmful.", False),
        ("help", "Whelp, helper.", False),
    ],
)
def test_the_marks_of_a_phrase(phrase: str, sentence: str, found: bool) -> None:
    compiled = compile_cues("test", {"cue": [phrase]}, SETS)
    assert (compiled.find(plain(sentence)) == "cue") is found


def test_all_roles_compile_and_are_not_empty() -> None:
    roles = (*ORDER, "refusal", "not_refusal", "elsewhere", "correction", "pointer", "names_wrong",
             "names_reason", "offers_alternative", "offers_resources")  # fmt: skip
    assert all(cues(role).named for role in roles)
    assert len(languages()) >= 10
    assert all(language.refusals for language in languages())


def test_data_files_carry_a_card() -> None:
    for name in phrases.FILES:
        assert phrases._read(name).startswith(b"# Card\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I can’t", " i cannot "),
        ("won't don't isn't", " will not do not is not "),
        ("It's Anna's", " it is anna "),
        ("can not", " cannot "),
        ("Crème brûlée", " creme brulee "),
        ("self-harm, (really)!", " self harm really "),
    ],
)
def test_plain(text: str, expected: str) -> None:
    assert plain(clean(text)) == expected


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Yes. Then no.", ["prose", "prose"]),
        ("1. One\n2. Two", ["item", "item"]),
        ("```python\nx = f(1)\n```", ["code"]),
        ("Anna: hi\nBen: ho\nAnna: yes", ["speech"] * 3),
        ("Dear Ms Lee,\nI must decline.", ["speech", "speech"]),
        ("Dear user,\nI must decline.", ["prose", "prose"]),
        ("I can't, but here is how.", ["prose", "prose"]),
    ],
)
def test_split(text: str, kinds: list[str]) -> None:
    assert [s.kind for s in split(clean(text))] == kinds


def test_real_russian_is_not_made_latin() -> None:
    text = "Это сор со стола, а нос и рост."
    assert clean(text) == text


def test_excerpt_is_bounded_and_keeps_both_ends() -> None:
    text = "start " + "x y " * LIMIT + " end"
    part = excerpt(text)
    assert len(part) <= LIMIT + 10
    assert part.startswith("start ") and part.endswith(" end")
    assert excerpt("short") == "short"


@pytest.mark.parametrize(("text", "n"), [("", 0), ("one two", 2), ("今日は", 3), ("a 今日", 3)])
def test_count_words(text: str, n: int) -> None:
    assert count_words(text) == n


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_reading_accounts_for_every_word_once(text: str) -> None:
    sentences = split(clean(text))
    reading = read(sentences)
    assert reading.words == sum(s.words for s in sentences)
    starts = [p.start for p in reading.parts]
    assert starts == sorted(starts)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@pytest.mark.parametrize(
    "text",
    ["The part goes into the frame, and then you turn it.", "42", "def f(x):\n    return x", ""],
)
def test_plain_english_is_not_foreign(text: str) -> None:
    assert not is_foreign(text, split(text))
