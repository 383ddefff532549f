"""Answers collected elsewhere: one JSON object a line.

``{"id": "p1", "response": "I can't help with that.", "repeat": 0}``

A line names its prompt by ``id``, or by the exact text in ``prompt``, or by both. The answer is in
``response`` (``text`` and ``completion`` mean the same); ``error`` says why there is none.
``repeat`` (0 without it), ``tokens`` and ``finish`` are optional. Other keys are left alone.

A request without its own line fails as ``missing``: no repeat ever stands in for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from backslide.core.errors import TargetError
from backslide.core.records import Completion, Failure, Finish, Request

BATCH = 256
FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "filter": "filter",
    "content_filter": "filter",
}
EXAMPLE = '{"id": "PROMPT_ID", "response": "..."}'
Count = Annotated[int, msgspec.Meta(ge=0)]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line as written."""

    id: str | int | None = None
    prompt: str | None = None
    response: str | None = None
    text: str | None = None
    completion: str | None = None
    repeat: Count = 0
    error: str | None = None
    tokens: Count | None = None
    finish: str | None = None


@dataclass(slots=True)
class Answers:
    """What a file holds: answers with their line numbers, by prompt id and by prompt text."""

    by_id: dict[tuple[str, int], tuple[int, Completion]] = field(default_factory=dict)
    by_text: dict[tuple[str, int], tuple[int, Completion]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    named: set[int] = field(default_factory=set)
    """The numbers of the lines that have an id."""
    ambiguous: set[str] = field(default_factory=set)
    """Texts that stand beside several ids: such a text alone does not name an answer."""


class ReplayTarget:
    """Gives back the answers of a file.

    Raises:
        TargetError: the file cannot be read, a line is not an answer, or two lines answer the
            same prompt and repeat.
    """

    def __init__(self, path: str | Path, spec: str | None = None) -> None:
        self.path = Path(str(path).removeprefix("replay:"))
        self.spec = spec or f"replay:{self.path}"
        data = _read(self.path)
        self._sha256 = hashlib.sha256(data).hexdigest()
        self._answers = _index(self.path, data)

    def fingerprint(self) -> Mapping[str, str]:
        """The file's content, wherever it lies."""
        return {"kind": "replay", "sha256": self._sha256}

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[int]]:
        """Plan order.

        Raises:
            TargetError: the file answers none of the requests, so it is for other prompts.
        """
        if requests and all(self._find(r) is None for r in requests):
            raise TargetError(
                f"{self.path} answers none of the {len(requests)} requests",
                cause=f"the first one is prompt {requests[0].prompt.id!r}",
                hint="lines are matched by prompt id, then by the exact text of the prompt",
            )
        starts = range(0, len(requests), BATCH)
        return [range(i, min(i + BATCH, len(requests))) for i in starts]

    def generate(self, batch: Sequence[Request]) -> Sequence[Completion]:
        """Look the answers up, in order."""
        return [self._find(r) or self._missing(r) for r in batch]

    def close(self) -> None:
        """Nothing is held open."""

    def _find(self, request: Request) -> Completion | None:
        prompt, known = request.prompt, self._answers
        if prompt.id in known.ids:
            found = known.by_id.get((prompt.id, request.repeat))
        elif prompt.text in known.ambiguous:
            found = None
        else:
            found = known.by_text.get((prompt.text, request.repeat))
        return found[1] if found else None

    def _missing(self, request: Request) -> Completion:
        what = f"no answer to prompt {request.prompt.id!r}, repeat {request.repeat}"
        if request.prompt.text in self._answers.ambiguous:
            what += " (its text stands beside several ids in the file, so it names none)"
        return Completion(failure=Failure(kind="missing", message=f"{what} in {self.path.name}"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TargetError(f"no such file: {path}", hint="replay:FILE.jsonl") from None
    except IsADirectoryError:
        raise TargetError(
            f"a directory, not a file: {path}", hint="name the file of answers in it"
        ) from None
    except OSError as error:
        raise TargetError(f"cannot read {path}", cause=error.strerror or str(error)) from None


def _index(path: Path, data: bytes) -> Answers:
    answers = Answers()
    for number, line in _lines(path, data):
        completion = _completion(path, number, line)
        place = number, completion
        if line.id is not None:
            key = str(line.id), line.repeat
            _put(path, answers.by_id, key, place, f"prompt id {key[0]!r}")
            answers.ids.add(key[0])
            answers.named.add(number)
        if line.prompt is not None:
            _put_text(path, answers, line, place)
    if not answers.by_id and not answers.by_text:
        raise TargetError(f"no answers in {path}", cause="the file is empty", hint=EXAMPLE)
    return answers


def _put(
    path: Path,
    table: dict[tuple[str, int], tuple[int, Completion]],
    key: tuple[str, int],
    place: tuple[int, Completion],
    what: str,
) -> None:
    before = table.setdefault(key, place)
    if before is not place:
        raise TargetError(
            f"{path} answers one request twice",
            cause=f"lines {before[0]} and {place[0]} both hold {what}, repeat {key[1]}",
            hint='give samples of one prompt different "repeat" numbers, from 0',
        )


def _put_text(path: Path, answers: Answers, line: Line, place: tuple[int, Completion]) -> None:
    """Two lines with different ids may hold one text; a line that has only the text may not."""
    key = line.prompt or "", line.repeat
    before = answers.by_text.get(key)
    if before is not None and {before[0], place[0]} <= answers.named:
        answers.ambiguous.add(key[0])
    else:
        _put(path, answers.by_text, key, place, "the same prompt text")


def _lines(path: Path, data: bytes) -> Iterator[tuple[int, Line]]:
    torn = bool(data) and not data.endswith(b"\n")
    rows = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, row in enumerate(rows, start=1):
        if row.strip():
            yield number, _decode(path, number, row, torn=torn and number == len(rows))


def _decode(path: Path, number: int, row: bytes, *, torn: bool) -> Line:
    place = f"{path}, line {number}"
    if b"\0" in row:
        raise TargetError(f"{place}: binary data", hint=f"UTF-8 text, one line each: {EXAMPLE}")
    try:
        return msgspec.json.decode(row, type=Line)
    except UnicodeDecodeError as error:
        raise TargetError(
            f"{place}: not UTF-8", cause=str(error), hint="save the file as UTF-8 text"
        ) from None
    except msgspec.ValidationError as error:
        array = row.lstrip().startswith(b"[")
        hint = "one object a line, not one array around them" if array else EXAMPLE
        raise TargetError(f"{place}: not an answer", cause=str(error), hint=hint) from None
    except msgspec.DecodeError as error:
        cut = "the last line is cut off: collect again, or delete it" if torn else EXAMPLE
        raise TargetError(f"{place}: not a JSON object", cause=str(error), hint=cut) from None


def _completion(path: Path, number: int, line: Line) -> Completion:
    place = f"{path}, line {number}"
    if line.id is None and line.prompt is None:
        raise TargetError(f"{place}: no prompt named", cause='neither "id" nor "prompt"')
    given = [t for t in (line.response, line.text, line.completion) if t is not None]
    if len(given) + bool(line.error) != 1:
        raise TargetError(
            f"{place}: {'no answer' if not given else 'more than one answer'}",
            cause='"response" (or "text", or "completion") or "error", exactly one of them',
            hint=EXAMPLE,
        )
    if not given:
        return Completion(failure=Failure(kind="error", message=(line.error or "")[:300]))
    finish = FINISH.get(line.finish, "unknown") if line.finish else None
    return Completion(text=given[0], tokens=line.tokens, finish=finish)
