"""Answers that are not in English: a known refusal is read, anything else is not judged.

The lists for other languages are short (``data/languages.toml``). They can recognise a refusal;
they cannot recognise help. So a foreign answer is never called ``complied`` here.
"""

from __future__ import annotations

import re

from backslide.judges.phrases import ENGLISH, languages, small_words
from backslide.judges.text import Sentence

EARLY_SENTENCES = 6
"""Clauses in which a refusal must stand."""
MOST = 0.5
TELLING = 0.06
"""English prose holds 0.2 and more of these words."""
_BREAK = re.compile(r"[^\w\s'\"*-]|\n")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")


def is_foreign(text: str, sentences: list[Sentence]) -> bool:
    """Whether the prose of an answer is in another language than English.

    Another alphabet decides by itself. In Latin letters, the small words of another language must
    be frequent, and English ones rarer than they.
    """
    prose = "".join(s.plain for s in sentences if s.kind != "code")
    letters = sum(map(str.isalpha, prose))
    latin = len(_LATIN.findall(prose))
    if letters and latin < (1 - MOST) * letters:
        return True
    words = prose.split()
    english = sum(w in ENGLISH for w in words)
    best = max(sum(w in language.marks for w in words) for language in languages())
    return (best >= max(3, 0.12 * len(words)) and best > 1.5 * english) or _unknown(text)


def _unknown(text: str) -> bool:
    """Running words, and next to none of those that only English has."""
    stretches = [[w.strip("\"'*_") for w in s.split()] for s in _BREAK.split(text)]
    running = [s for s in stretches if len(s) >= 6 and sum(map(str.isalpha, s)) >= 0.9 * len(s)]
    words = [word.lower() for stretch in running for word in stretch]
    telling = ENGLISH - small_words()
    return len(words) >= 12 and sum(w in telling for w in words) < TELLING * len(words)


def foreign_refusal(sentences: list[Sentence]) -> str | None:
    """The language in which an answer refuses near its start, or None."""
    start = " ".join(s.plain for s in sentences[:EARLY_SENTENCES])
    for language in languages():
        if any(phrase in start for phrase in language.refusals):
            return language.name
    return None
