"""Published suites from a local copy, each file pinned by its checksum (published.toml).

A file is used under a published name only when it is the pinned one; the same rows under a
different checksum can still be used as an ordinary file, under their own name.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from backslide.core.errors import SuiteError
from backslide.core.records import Expectation, Message, Prompt
from backslide.suites.columns import expectation
from backslide.suites.prompts import content_id, merge_equal_texts, normalised
from backslide.suites.reading import Row, read_bytes, read_rows
from backslide.suites.tabular import Loaded

COPYRIGHT = "copyright"
CONTEXT = "{context}\n\n---\n\n{behavior}"
"""HarmBench's own template for contextual behaviours (baselines/direct_request)."""


class PinnedFile(msgspec.Struct, frozen=True):
    """One file of a suite, as published."""

    name: str
    part: str
    rows: int
    bytes: int
    sha256: str


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about a published suite."""

    title: str
    prompts: int
    source: str
    commit: str
    licence: str
    weakness: str
    columns: dict[str, str]
    files: tuple[PinnedFile, ...]
    folders: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    first_only: bool = False
    goals_file: str | None = None
    goals_sha256: str | None = None

    @property
    def names(self) -> list[str]:
        """The file names to look for in a folder."""
        return [f.name for f in self.files] + ([self.goals_file] if self.goals_file else [])


@dataclass(frozen=True, slots=True)
class _Part:
    path: Path
    part: str
    sha256: str
    rows: list[Row]
    columns: Mapping[str, str]


@cache
def published() -> dict[str, Published]:
    """All published suites by name."""
    text = files("backslide.suites").joinpath("published.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Published])


def recognise(path: Path) -> str | None:
    """The published suite that ``path`` is a pinned file of, or None."""
    try:
        size = path.stat().st_size
        if not any(f.bytes == size for suite in published().values() for f in suite.files):
            return None
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
    return next((n for n, s in published().items() for f in s.files if f.sha256 == digest), None)


def holding(folder: Path) -> str | None:
    """The published suite of which ``folder`` seems to hold a file, or None."""
    return next((n for n, suite in published().items() if _inside(suite, folder)), None)


def load_published(name: str, place: Path | str) -> Loaded:
    """Read a published suite.

    Args:
        name: ``harmbench``, ``advbench``, ``simplesafetytests``, ``xstest`` or ``strongreject``.
        place: the file, or a folder that holds it.

    Raises:
        SuiteError: no such file, or a file that is not the pinned one.
    """
    suite = published()[name]
    paths = _places(name, suite, Path(place))
    parts = [_read(name, suite, path) for path in (paths[:1] if suite.first_only else paths)]
    notes = [f"{suite.title} ({', '.join(p.part for p in parts)}), {suite.licence}"]
    left_out = sum(_is_copyright(row) for part in parts for row in part.rows)
    if left_out:
        notes.append(f"{left_out} copyright behaviours left out: they need a hash matcher")
    rows = [
        _prompt(name, suite, part, row)
        for part in parts
        for row in part.rows
        if not _is_copyright(row)
    ]
    return Loaded(
        suite=name,
        path=parts[0].path,
        prompts=tuple(merge_equal_texts(rows).prompts),
        columns=dict(parts[0].columns),
        notes=tuple(notes),
        sha256=" ".join(part.sha256 for part in parts),
    )


def _places(name: str, suite: Published, place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    found = _inside(suite, place)
    if not found:
        raise SuiteError(
            f"the folder {place} holds no file of {suite.title}",
            cause=f"looked for {' and '.join(suite.names)}",
            hint=f"it comes from {suite.source}; a renamed file works as {name}:FILE",
        )
    return found


def _inside(suite: Published, folder: Path) -> list[Path]:
    """The suite's files in a folder or where its repository keeps them: pinned ones first."""
    for sub in ("", *suite.folders):
        found = [folder / sub / file.name for file in suite.files]
        found = [path for path in found if path.is_file()]
        if not found and suite.goals_file and (folder / sub / suite.goals_file).is_file():
            found = [folder / sub / suite.goals_file]
        if found:
            return found
    return []


def _read(name: str, suite: Published, path: Path) -> _Part:
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    pinned = next((f for f in suite.files if f.sha256 == digest), None)
    if pinned is not None:
        rows = _yaml(data) if pinned.name.endswith(".prompt") else read_rows(path, data, ".csv")
        return _Part(path, pinned.part, digest, rows, suite.columns)
    if suite.goals_sha256 and path.suffix.lower() == ".csv":
        rows = read_rows(path, data)
        if all("goal" in row.values for row in rows):
            _check_goals(name, suite, path, rows)
            return _Part(path, "official CSV", digest, rows, {"prompt": "goal"})
    raise SuiteError(
        f"{path} is not a file of {suite.title} as published",
        cause=f"SHA-256 {digest}; expected "
        + " or ".join(f"{f.sha256} ({f.name})" for f in suite.files),
        hint=f"fetch it again from {suite.source}, or name the file without '{name}:' to use it "
        "as an ordinary file",
    )


def _check_goals(name: str, suite: Published, path: Path, rows: Sequence[Row]) -> None:
    actual = goals_digest([str(row.values["goal"]) for row in rows])
    if actual != suite.goals_sha256:
        raise SuiteError(
            f"the goals in {path} are not those of {suite.title} as published",
            cause=f"{len(rows)} goals; SHA-256 {actual}, expected {suite.goals_sha256}",
            hint=f"name the file without '{name}:' to use it as an ordinary file",
        )


def goals_digest(goals: Sequence[str]) -> str:
    """SHA-256 over the sorted goals; case, spacing and final punctuation do not count."""
    plain = sorted(normalised([Message(role="user", content=goal)]) for goal in goals)
    return hashlib.sha256("\n".join(plain).encode()).hexdigest()


def _yaml(data: bytes) -> list[Row]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    seeds: list[dict[str, Any]] = yaml.load(data, Loader=loader)["seeds"]
    return [Row(f"seed {i}", seed) for i, seed in enumerate(seeds, 1)]


def _is_copyright(row: Row) -> bool:
    return row.values.get("FunctionalCategory") == COPYRIGHT


def _prompt(name: str, suite: Published, part: _Part, row: Row) -> Prompt:
    columns = part.columns
    text = str(row.values[columns["prompt"]])
    if context := row.values.get("ContextString"):
        text = CONTEXT.format(context=context, behavior=text)
    messages = (Message(role="user", content=text),)
    given = row.values[columns["id"]] if "id" in columns else content_id(messages)
    kind = row.values.get("FunctionalCategory")
    return Prompt(
        id=f"{name}/{given}",
        messages=messages,
        suite=name,
        category=_category(suite, row, columns),
        expects=_expects(row, columns),
        cluster=f"{name}/{given}",
        tags=(part.part, str(kind)) if kind else (part.part,),
    )


def _category(suite: Published, row: Row, columns: Mapping[str, str]) -> str:
    if "category" not in columns:
        return suite.title
    value = row.values[columns["category"]]
    plain = str(value[0] if isinstance(value, list) else value)
    return suite.rename.get(plain, plain)


def _expects(row: Row, columns: Mapping[str, str]) -> Expectation:
    said = expectation(row.values[columns["expects"]]) if "expects" in columns else None
    return said or "refuse"
