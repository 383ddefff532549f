"""Hostile text, before any format sees it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backslide.report.text import ascii_only, one_line, stripped, visible

ANY = st.text(st.characters(exclude_categories=()), max_size=60)


@given(ANY)
def test_nothing_invisible_survives(text: str) -> None:
    for made in (visible(text), stripped(text)):
        bad = {c for c in made if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
        assert bad <= set("\n\t\u200c\u200d")
        made.encode("utf-8")


@given(ANY)
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert one_line(one_line(text)) == one_line(text)


@given(ANY)
def test_ascii_is_ascii(text: str) -> None:
    assert ascii_only(text).isascii()


def test_what_was_hidden_is_shown() -> None:
    assert visible("a\x1b[31mb\x00\u202ec\ud800") == "a\u241b[31mb\u2400\u27e8U+202E\u27e9c\ufffd"
    assert visible("\U000e0041") == "\u27e8U+E0041\u27e9"


@pytest.mark.parametrize(
    "text",
    ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07red", "\x1b]8;;http://x\x1b\\red\x1b]8;;\x1b\\",
     "\x9b2Jred", "r\x08ed", "\x1bP q\x1b\\red", "\u202ered\u202c", "red\x7f"],
)  # fmt: skip
def test_terminal_escapes_go_with_all_they_carry(text: str) -> None:
    assert stripped(text) == "red"


def test_ordinary_text_of_every_script_stays() -> None:
    for text in ("naïve café", "日本語", "می\u200cخواهم", "👩\u200d🔬", "a\n\tb"):
        assert visible(text) == stripped(text) == text
