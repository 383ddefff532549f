"""A user's own prompts: JSON lines, a JSON array or CSV, with the columns guessed and shown."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backslide.core.errors import SuiteError
from backslide.core.records import Expectation, Message, Prompt
from backslide.suites.columns import NAMES, RULE, expectation, guess
from backslide.suites.prompts import content_id, merge_equal_texts
from backslide.suites.reading import Row, kind_of, read_bytes, read_rows

ROLES = ("system", "user", "assistant")
TURN = 'a turn is {"role": "system", "user" or "assistant", "content": "..."}'
MANY = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """One suite as prompts. ``columns`` says which column was taken for what, ``notes`` what was
    defaulted, joined or left out."""

    suite: str
    path: Path
    prompts: tuple[Prompt, ...]
    columns: dict[str, str]
    notes: tuple[str, ...]
    sha256: str


def load_file(path: Path | str, suite: str | None = None) -> Loaded:
    """Read a suite from a file of one's own.

    Args:
        path: a .jsonl, .ndjson, .json, .csv or .tsv file.
        suite: its name; the stem of the file when None.

    Raises:
        SuiteError: anything about the file that makes it unusable, with the line.
    """
    path = Path(path)
    data = read_bytes(path)
    rows = read_rows(path, data)
    columns = guess(list(dict.fromkeys(c for row in rows for c in row.values)))
    if "prompt" not in columns:
        raise _no_prompts(path, rows)
    reader = _Reader(path, suite or suite_name(path), columns)
    merged = merge_equal_texts([reader.prompt(row) for row in rows])
    return Loaded(
        suite=reader.suite,
        path=path,
        prompts=tuple(merged.prompts),
        columns=columns,
        notes=(*reader.notes(merged.prompts), *_repeats(reader, merged.repeats)),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def suite_name(path: Path) -> str:
    """The name of a suite that is a file: its stem, in letters, digits, dots and hyphens."""
    return re.sub(r"[^\w.-]+", "-", path.stem).strip("-.") or "file"


def _no_prompts(path: Path, rows: Sequence[Row]) -> SuiteError:
    found = dict.fromkeys(c for row in rows for c in row.values)
    return SuiteError(
        f"{path} has no column that looks like prompts",
        cause=f"columns found: {', '.join(found) or 'none'}",
        hint=f"name one of them 'prompt' (also known: {', '.join(NAMES['prompt'][3:9])} ...)",
    )


def _repeats(reader: _Reader, repeats: Sequence[tuple[Prompt, Prompt]]) -> list[str]:
    if not repeats:
        return []
    one, other = (reader.places[p.id] for p in repeats[0])
    notes = [
        f"{len(repeats)} prompts repeat the text of another (the first: {other} that of {one}): "
        "kept, and counted as one cluster"
    ]
    split = sum(a.expects != b.expects for a, b in repeats)
    if split:
        notes.append(f"{split} of the repeats expect refusal in one place and help in the other")
    return notes


class _Reader:
    """Rows of one file -> prompts, keeping count of what had to be defaulted."""

    def __init__(self, path: Path, suite: str, columns: dict[str, str]) -> None:
        self.path = path
        self.suite = suite
        self.columns = columns
        self.places: dict[str, str] = {}
        self.defaulted: Counter[str] = Counter()
        self.said: Counter[str] = Counter()

    def prompt(self, row: Row) -> Prompt:
        messages = self._messages(row)
        prompt_id = self._id(row, messages)
        cluster = self._cell(row, "cluster")
        return Prompt(
            id=prompt_id,
            messages=messages,
            suite=self.suite,
            category=self._category(row),
            expects=self._expects(row),
            cluster=prompt_id if cluster is None else f"{self.suite}/{cluster}",
        )

    def notes(self, prompts: Sequence[Prompt]) -> list[str]:
        """Which columns were taken, and everything that was assumed."""
        notes = [f"columns: {', '.join(f'{r} = {c!r}' for r, c in self.columns.items())}"]
        if "expects" in self.columns:
            meant = ", ".join(f"{what} ({n})" for what, n in sorted(self.said.items()))
            notes.append(f"{self.columns['expects']!r} was read as {meant}")
        else:
            notes.append("no expects column: all prompts expect a refusal")
        if n := self.defaulted["category"]:
            notes.append(f"{n} prompts without a category are in {self.suite!r}")
        if n := self.defaulted["id"]:
            notes.append(f"{n} prompts without an id are named after their content")
        if n := self.defaulted["answer"]:
            notes.append(f"{n} conversations end in an answer, which was left out")
        if n := self.defaulted["input"]:
            notes.append(f"{n} prompts have their 'input' below the instruction")
        kinds = len({p.category for p in prompts})
        if kinds > max(MANY, len(prompts) // 2):
            notes.append(f"{kinds} categories for {len(prompts)} prompts: each will be too thin")
        return notes

    def _messages(self, row: Row) -> tuple[Message, ...]:
        column = self.columns["prompt"]
        value = row.values.get(column)
        if isinstance(value, str):
            text = self._said(row, value) + self._input(row)
            return (Message(role="user", content=text),)
        if isinstance(value, list) and value:
            return self._conversation(row, value)
        if value is None or value == []:
            raise self._fault(row, f"no {column!r}")
        raise self._fault(row, f"{column!r} is {kind_of(value)}, not a text")

    def _input(self, row: Row) -> str:
        """The second half of an instruction in the form of the Alpaca files."""
        if self.columns["prompt"].casefold() != "instruction":
            return ""
        value = row.values.get("input")
        if not isinstance(value, str) or not value.strip():
            return ""
        self.defaulted["input"] += 1
        return "\n\n" + self._said(row, value)

    def _conversation(self, row: Row, turns: list[Any]) -> tuple[Message, ...]:
        messages = [self._turn(row, turn) for turn in turns]
        if messages[-1].role == "assistant":
            self.defaulted["answer"] += 1
        while messages and messages[-1].role == "assistant":
            messages.pop()
        if not messages or messages[-1].role != "user":
            raise self._fault(row, "the conversation has no user turn to answer")
        return tuple(messages)

    def _turn(self, row: Row, turn: Any) -> Message:
        role = turn.get("role") if isinstance(turn, dict) else None
        content = turn.get("content") if isinstance(turn, dict) else None
        if role not in ROLES or not isinstance(content, str):
            raise self._fault(row, "a turn of the conversation cannot be read", TURN)
        return Message(role=role, content=self._said(row, content))

    def _said(self, row: Row, text: str) -> str:
        if not text.strip():
            raise self._fault(row, "the prompt is empty")
        if "\0" in text:
            raise self._fault(row, "the prompt holds a NUL character")
        return text

    def _id(self, row: Row, messages: tuple[Message, ...]) -> str:
        given = self._cell(row, "id")
        if given is None:
            self.defaulted["id"] += 1
            return self._placed(self._unused(f"{self.suite}/{content_id(messages)}"), row)
        prompt_id = f"{self.suite}/{given}"
        if prompt_id in self.places:
            raise SuiteError(
                f"{self.path}: two prompts have the id {given!r}",
                cause=f"{self.places[prompt_id]} and {row.place}",
                hint="give each prompt its own id, or leave the column out",
            )
        return self._placed(prompt_id, row)

    def _unused(self, wanted: str) -> str:
        copies, name = 1, wanted
        while name in self.places:
            copies += 1
            name = f"{wanted}-{copies}"
        return name

    def _placed(self, prompt_id: str, row: Row) -> str:
        self.places[prompt_id] = row.place
        return prompt_id

    def _category(self, row: Row) -> str:
        value = row.values.get(self.columns.get("category", ""))
        if isinstance(value, list) and value:
            row = Row(row.place, {**row.values, self.columns["category"]: value[0]})
        given = self._cell(row, "category")
        if given is None:
            self.defaulted["category"] += 1
        return given or self.suite

    def _expects(self, row: Row) -> Expectation:
        column = self.columns.get("expects")
        if column is None:
            return "refuse"
        value = row.values.get(column)
        said = expectation(value)
        if said is None:
            raise self._fault(row, f"{column!r} is {_short(value)}", f"write {RULE}")
        self.said[f"{str(value).strip().casefold()} -> {said}"] += 1
        return said

    def _cell(self, row: Row, role: str) -> str | None:
        """A cell as text on one line, or None when it is absent or blank."""
        value = row.values.get(self.columns.get(role, ""))
        if value is None or value == []:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._fault(row, f"{self.columns[role]!r} is {kind_of(value)}, not a text")
        return " ".join(str(value).split()) or None

    def _fault(self, row: Row, what: str, hint: str | None = None) -> SuiteError:
        return SuiteError(f"{self.path}, {row.place}: {what}", hint=hint)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
