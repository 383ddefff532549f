"""The directory of one red-team run, ``RUN/redteam``.

======================  =================================================================
``manifest.json``       models, fingerprints, seed, judge, attacker, settings of each focus
``prompts.jsonl``       every prompt that was asked, once
``responses.jsonl``     append-only; every batch is one write, and whole or not there
``attacker.jsonl``      the same, of the attacker (or generator) model
``likelihoods.jsonl``   the same, of given answers
``verdicts.jsonl``      append-only, by the content that was judged
``hunts.jsonl``         what looking into the weights gave
``timings.jsonl``       wall seconds per batch: all that differs between equal runs
``marks.jsonl``         what people marked in interactive sessions; ``session.jsonl`` their steps
``result.json``         derived, replaced as a whole; ``exports/`` and ``probes/`` too
======================  =================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from backslide.core.errors import OutputError, StoreError
from backslide.core.records import Prompt
from backslide.core.redteam import Mark, RedTeam
from backslide.store.jsonl import Lines, append_lines, read_lines, truncate, write_atomic
from backslide.store.lockable import Lockable
from backslide.store.redteam_records import (
    Answer,
    AttackerAnswer,
    Hunt,
    Judged,
    Likelihood,
    RedTeamManifest,
    Said,
    Spent,
)

SCHEMA = 1
FOLDER = "redteam"
T = TypeVar("T")


FIXED = ("schema", "base", "tuned", "seed", "dtype", "system_prompt")
APPENDED: Mapping[str, Any] = {
    "prompts": Prompt,
    "responses": Answer,
    "attacker": AttackerAnswer,
    "likelihoods": Likelihood,
    "verdicts": Judged,
    "hunts": Hunt,
    "timings": Spent,
    "marks": Mark,
    "session": Said,
}
BATCHED = ("responses", "attacker", "likelihoods", "verdicts")
"""Files in which a batch that lacks lines at the end was cut by a kill, and counts as not asked."""


class RedTeamRun(Lockable):
    """``RUN/redteam``, open for reading, or for writing after ``lock``."""

    def __init__(self, run: Path) -> None:
        super().__init__(run / FOLDER)

    @property
    def finished(self) -> bool:
        return (self.directory / "result.json").exists()

    def begin(self, manifest: RedTeamManifest) -> RedTeamManifest:
        """Start the run, or take it up again when it is of the same models.

        Returns:
            the manifest that counts, with what was added now.

        Raises:
            StoreError: the directory holds a run of other models, or one changed behind its name.
        """
        merged = _merged(self.manifest(), manifest, self.directory) if self.exists else manifest
        self._write("manifest.json", merged)
        return merged

    def manifest(self) -> RedTeamManifest:
        """The stored manifest."""
        found: RedTeamManifest = self._read("manifest.json", RedTeamManifest)
        return found

    def result(self) -> RedTeam:
        """The derived result; of an interrupted run, what it had so far.

        Raises:
            StoreError: there is none.
        """
        found: RedTeam = self._read("result.json", RedTeam)
        return found

    def save_result(self, result: RedTeam) -> None:
        """Replace the result."""
        self._write("result.json", result)

    def lines(self, name: str) -> list[Any]:
        """The whole lines of one of the appended files; of batched ones, of whole batches only."""
        lines: Lines[Any] = read_lines(self._path(name), APPENDED[name])
        return lines.records[: _whole(lines.records)] if name in BATCHED else lines.records

    def add(self, name: str, records: Sequence[object]) -> None:
        """Append records in one write; they are on the disk when this returns."""
        if records:
            append_lines(self._path(name), records)

    def repair(self) -> None:
        """Cut off what a killed or full-disk writer left: torn lines and batches that lack some."""
        for name, kind in APPENDED.items():
            lines: Lines[Any] = read_lines(self._path(name), kind)
            kept = _whole(lines.records) if name in BATCHED else len(lines.records)
            if lines.torn or kept < len(lines.records):
                truncate(self._path(name), lines.ends[kept - 1] if kept else 0)

    def log(self, name: str, text: str) -> Path:
        """Keep what people need to look into a fault of ours, replacing an earlier one.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.directory / name
        write_atomic(path, text.encode("utf-8", "backslashreplace"))
        return path

    def export(
        self, name: str, rows: Sequence[Mapping[str, Any]], folder: str = "exports"
    ) -> Path | None:
        """Replace ``exports/NAME.jsonl`` by these rows; without rows there is no file."""
        path = self.directory / folder / f"{name}.jsonl"
        if not rows:
            path.unlink(missing_ok=True)
            return None
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as e:
            raise OutputError(f"cannot write {path}", cause=e.strerror or str(e)) from None
        write_atomic(path, b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
        return path

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.jsonl"

    def _write(self, name: str, record: object) -> None:
        data = msgspec.json.format(msgspec.json.encode(record, order="deterministic"), indent=1)
        write_atomic(self.directory / name, data + b"\n")

    def _read(self, name: str, kind: type[T]) -> T:
        path = self.directory / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            raise StoreError(
                f"no {name} in {self.directory}",
                cause="this is no red-team run, or it was stopped before its first focus ended",
                hint="run the same red-team command again",
            ) from None
        except (msgspec.MsgspecError, OSError, UnicodeDecodeError) as e:
            raise StoreError(f"{path} is damaged", cause=str(e)[:200]) from None


def _whole(records: Sequence[Any]) -> int:
    """How many lines of a batched file belong to whole batches: only the last can lack some."""
    if not records:
        return 0
    last = records[-1].place
    found = 0
    while found < len(records) and records[-1 - found].place == last:
        found += 1
    return len(records) if found == last.size else len(records) - found


def _merged(old: RedTeamManifest, new: RedTeamManifest, directory: Path) -> RedTeamManifest:
    changed = [name for name in FIXED if getattr(old, name) != getattr(new, name)]
    if changed:
        raise StoreError(
            f"{directory} holds another run",
            cause=f"these differ: {', '.join(changed)}",
            hint="choose another place with --run, or repeat the first command",
        )
    for name, prints in new.fingerprints.items():
        if name in old.fingerprints and dict(old.fingerprints[name]) != dict(prints):
            raise changed_model(name, directory)
    return replace(
        new,
        created=old.created,
        fingerprints={**old.fingerprints, **new.fingerprints},
        focuses={**old.focuses, **new.focuses},
    )


def changed_model(name: str, directory: Path | str) -> StoreError:
    """The error for a model whose fingerprint is not the recorded one."""
    return StoreError(
        f"the model behind {name} has changed since this run began",
        cause=f"its fingerprint is not the one in {directory}/manifest.json",
        hint="choose another place with --run",
    )
