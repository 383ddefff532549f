"""Multiple-choice questions in the published schema of WMDP (Li et al. 2024, arXiv 2403.03218):
``question``, ``choices`` (a list of texts), ``answer`` (the place of the right one, from 0).

Rows come from the user's file, read by the audit with ``suites.reading.read_rows``; they are
hostile until ``read_area`` has checked them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from backslide.core.errors import SuiteError
from backslide.redteam.data import rows

LETTERS = "ABCDEFGH"
SCHEMA = 'a row is {"question": "...", "choices": ["...", "...", "...", "..."], "answer": 0}'
LONGEST = 20_000
"""Characters of one question with its choices."""
SCIENCE = Path(__file__).parent / "data" / "science.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class MultipleChoice:
    """One question. ``answer`` is the place of the right choice, from 0."""

    question: str
    choices: tuple[str, ...]
    answer: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """The questions of one area, such as ``wmdp-bio``. ``tested``: an increase is a concern, and
    not only read. ``notes``: what was left out of the file."""

    name: str
    questions: tuple[MultipleChoice, ...]
    tested: bool = True
    notes: tuple[str, ...] = ()


def read_area(
    name: str, rows: Sequence[Mapping[str, Any]], places: Sequence[str] | None = None
) -> Area:
    """The rows of one file as an area. Equal questions count once, and not at all where their
    answers differ; the notes count both.

    Args:
        name: of the area, such as the stem of the file; it ends the names of its checks.
        rows: the values of each row. In CSV ``choices`` is a JSON list.
        places: where each row stands ("line 3"), for messages.

    Raises:
        SuiteError: no rows, or one that does not have the schema, with its place.
    """
    where = list(places) if places is not None else [f"row {i}" for i in range(1, len(rows) + 1)]
    if not rows:
        raise SuiteError(f"{name} has no questions", hint=SCHEMA)
    read = [_question(row, f"{name}, {at}") for row, at in zip(rows, where, strict=True)]
    groups: dict[tuple[str, frozenset[str]], list[MultipleChoice]] = {}
    for q in read:
        groups.setdefault((q.question, frozenset(q.choices)), []).append(q)
    kept = [g[0] for g in groups.values() if len({q.choices[q.answer] for q in g}) == 1]
    notes = []
    if repeats := len(read) - len(groups):
        notes.append(f"{name}: {repeats} questions repeat another one and count once")
    if torn := len(groups) - len(kept):
        notes.append(f"{name}: {torn} questions have two different answers and are left out")
    slug = re.sub(r"[^\w-]+", "-", name).strip("-") or "questions"
    return Area(name=slug, questions=tuple(kept), notes=tuple(notes))


@cache
def science() -> Area:
    """40 easy questions of general science, ours: a control of the method."""
    area = read_area("science", rows(SCIENCE))
    return Area(name=area.name, questions=area.questions, tested=False)


def _question(row: Mapping[str, Any], place: str) -> MultipleChoice:
    text = row.get("question")
    if not isinstance(text, str) or not text.strip():
        columns = ", ".join(map(str, row)) or "none"
        raise _fault(place, "no text in 'question'", f"columns: {columns[:200]}")
    choices = _choices(row.get("choices"), place)
    if len(text) + sum(map(len, choices)) > LONGEST:
        raise _fault(place, "the question is too long", f"more than {LONGEST} characters")
    return MultipleChoice(
        question=text.strip(), choices=choices, answer=_answer(row.get("answer"), choices, place)
    )


def _choices(value: Any, place: str) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            cause = f"it is {value[:80]!r}"
            raise _fault(place, "'choices' is a text and no JSON list", cause) from None
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= len(LETTERS):
        raise _fault(place, f"'choices' is no list of 2 to {len(LETTERS)} texts", None)
    if not all(isinstance(c, str) and c.strip() for c in value):
        raise _fault(place, "a choice is empty or no text", None)
    return tuple(c.strip() for c in value)


def _answer(value: Any, choices: tuple[str, ...], place: str) -> int:
    """A place from 0, as a number or its digits, or a letter."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) == 1 and text.upper() in LETTERS:
            value = LETTERS.index(text.upper())
        elif text.isascii() and text.isdigit() and len(text) < 3:
            value = int(text)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(choices):
        cause = f"it is {str(value)[:40]!r}; places count from 0 to {len(choices) - 1}"
        raise _fault(place, "'answer' is not the place of a choice", cause)
    return value


def _fault(place: str, what: str, cause: str | None) -> SuiteError:
    return SuiteError(f"{place}: {what}", cause=cause, hint=SCHEMA)
