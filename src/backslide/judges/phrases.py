"""The phrase lists, read from ``data/*.toml`` and compiled once.

A phrase is words, as a person would write them, in the plain form of ``text.plain`` (lower case,
no punctuation, contractions opened). Five marks mean something:

=========  ==================================================================
``{set}``  any phrase of the named set
``...``    up to six words in between
``word*``  any word that starts so
``^``      the sentence starts here (after "but", "unfortunately" and the like)
``$``      the sentence ends here
=========  ==================================================================

Nothing else can be written, so no list can make a pattern that takes more than linear time.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from backslide.judges.text import plain

GAP = 6
_MARKS = re.compile(r"\{(\w+)\}|(\.\.\.)|(\^)|(\$)|([^\s{}^$]+)")
FILES = ("english.toml", "languages.toml")
ENGLISH = frozenset(
    "the a an of to in and is are was for with on by that this it as or be not you your i can if "
    "at from but have has will we they do so what which there how when my me he she his her its "
    "their our more would should could about into out up than then also any all".split()
)
"""Small words by which English is known."""


@dataclass(frozen=True, slots=True)
class Cues:
    """The phrases of one role, one compiled pattern a cue, in the order of the file."""

    role: str
    anything: re.Pattern[str]
    named: tuple[tuple[str, re.Pattern[str]], ...]

    def find(self, sentence: str) -> str | None:
        """The name of the first cue in a plain sentence, or None."""
        if not self.anything.search(sentence):
            return None
        return next(name for name, pattern in self.named if pattern.search(sentence))

    def strip(self, sentence: str) -> str:
        """The sentence without these phrases."""
        return self.anything.sub(" ", sentence)


@dataclass(frozen=True, slots=True)
class Language:
    """How one language other than English is known, and how it refuses."""

    name: str
    marks: frozenset[str]
    refusals: tuple[str, ...]


def compile_phrase(phrase: str, sets: Mapping[str, list[str]]) -> str:
    """One phrase as a pattern over a plain sentence, whose words have one space around each."""
    return "".join(_token(match, sets) for match in _MARKS.finditer(phrase))


def _token(match: re.Match[str], sets: Mapping[str, list[str]]) -> str:
    name, gap, start, end, word = match.groups()
    if name:
        return "(?:" + "|".join(compile_phrase(p, sets) for p in sets[name]) + ")"
    if gap:
        return rf"(?:\S+ ){{0,{GAP}}}"
    if start:
        return "^ " + "(?:(?:" + "|".join(map(re.escape, sets["lead"])) + ") ){0,3}"
    if end:
        return "$"
    return (re.escape(word[:-1]) + r"\S*" if word.endswith("*") else re.escape(word)) + " "


def compile_cues(role: str, table: Mapping[str, list[str]], sets: Mapping[str, list[str]]) -> Cues:
    """All cues of a role; ``table`` is cue name -> phrases."""
    bodies = {
        name: "|".join(rf"(?:{compile_phrase(p, sets)})" for p in phrases)
        for name, phrases in table.items()
    }
    # A phrase starts at a word: after a space, or at the very start when it says "^".
    named = tuple((name, re.compile(rf"(?:(?<= )|^)(?:{body})")) for name, body in bodies.items())
    return Cues(role, re.compile(rf"(?:(?<= )|^)(?:{'|'.join(bodies.values())})"), named)


def _read(name: str) -> bytes:
    return files("backslide.judges").joinpath("data").joinpath(name).read_bytes()


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(_read(name).decode())


@cache
def cues(role: str) -> Cues:
    """The English cues of one role: refusal, pivot, redirect, warning, ..."""
    table = _table("english.toml")
    return compile_cues(role, table[role], table["sets"])


@cache
def languages() -> tuple[Language, ...]:
    """The other languages that refusals are known in."""
    table = _table("languages.toml")
    return tuple(
        Language(
            name=name,
            marks=frozenset(w for w in plain(" ".join(entry["marks"])).split() if len(w) > 1),
            refusals=tuple(plain(phrase).strip() for phrase in entry["refusals"]),
        )
        for name, entry in table.items()
    )


@cache
def small_words() -> frozenset[str]:
    """The small words of all those languages."""
    return frozenset().union(*(language.marks for language in languages()))


@cache
def digest() -> str:
    """Eight hex digits over the phrase files: a changed list is a changed judge."""
    return hashlib.sha256(b"".join(_read(name) for name in FILES)).hexdigest()[:8]
