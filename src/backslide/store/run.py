"""One run directory.

==================  =====================================================================
``manifest.json``   versions, settings, seeds, fingerprints; fixed when the run begins
``prompts.jsonl``   the frozen prompts, in plan order
``responses.jsonl`` append-only, in batch order
``verdicts.jsonl``  append-only, every judge's verdicts beside each other
``labels.jsonl``    append-only, what people say of answers; ``draws.jsonl`` which
``timings.jsonl``   wall seconds per batch: the only file that differs between equal runs
``comparisons.jsonl`` ``decision.json`` ``result.json``  derived, replaced as a whole
==================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from backslide.core.errors import StoreError
from backslide.core.records import Arm, Draw, HumanLabel, Prompt, Response, Verdict
from backslide.core.results import Audit, Comparison, Decision, Manifest
from backslide.store.jsonl import Lines, append_lines, read_lines, truncate, write_atomic
from backslide.store.lockable import Lockable

SCHEMA = 1
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Wall seconds and tokens of one batch of one arm."""

    arm: Arm
    calls: int
    tokens: int
    seconds: float


APPENDED: Mapping[str, type] = {
    "responses": Response,
    "verdicts": Verdict,
    "labels": HumanLabel,
    "draws": Draw,
    "timings": Timing,
}
"""Files that grow by whole lines."""


class Run(Lockable):
    """A run directory, open for reading, or for writing after ``lock``."""

    def begin(self, manifest: Manifest, prompts: Sequence[Prompt]) -> Manifest:
        """Start the run, or take it up again when it is the same one.

        Returns:
            the manifest that counts: the stored one when the run had begun before.

        Raises:
            StoreError: the directory holds another run.
        """
        if self.exists:
            return self._same(manifest)
        path = self.directory / "prompts.jsonl"
        truncate(path, 0)
        append_lines(path, prompts)
        self._write("manifest.json", manifest)
        return manifest

    def _same(self, manifest: Manifest) -> Manifest:
        stored = self.manifest()
        if stored.identity == manifest.identity:
            return stored
        changed = [
            name
            for name in Manifest.__dataclass_fields__
            if name not in ("created", "identity", "schema", "judge", "judge_target", "policy")
            and getattr(stored, name) != getattr(manifest, name)
        ]
        raise StoreError(
            f"{self.directory} holds another run",
            cause=f"these differ: {', '.join(changed) or 'identity'}",
            hint="choose another place with --run, or repeat the first command",
        )

    def manifest(self) -> Manifest:
        """The stored manifest."""
        return self._read("manifest.json", Manifest)

    def prompts(self) -> list[Prompt]:
        """The frozen prompts."""
        return read_lines(self.directory / "prompts.jsonl", Prompt).records

    def responses(self) -> Lines[Response]:
        """All responses, with offsets."""
        return read_lines(self.directory / "responses.jsonl", Response)

    def verdicts(self) -> Lines[Verdict]:
        """All verdicts of all judges, with offsets."""
        return read_lines(self.directory / "verdicts.jsonl", Verdict)

    def labels(self) -> Lines[HumanLabel]:
        """What people said of the answers, in the order in which they said it."""
        return read_lines(self.directory / "labels.jsonl", HumanLabel)

    def add_labels(self, labels: Sequence[HumanLabel]) -> None:
        """Append labels; they are on the disk when this returns."""
        append_lines(self.directory / "labels.jsonl", labels)

    def draw(self, judge: str, version: str) -> Draw | None:
        """Which pairs people were asked to label by the verdicts of one judge, if they were."""
        drawn = read_lines(self.directory / "draws.jsonl", Draw).records
        mine = [d for d in drawn if (d.judge, d.version) == (judge, version)]
        return mine[-1] if mine else None

    def add_draw(self, draw: Draw) -> None:
        """Append a draw; the last one of a judge counts."""
        append_lines(self.directory / "draws.jsonl", [draw])

    def timings(self) -> list[Timing]:
        """Wall time of every batch so far."""
        return read_lines(self.directory / "timings.jsonl", Timing).records

    def repair(self) -> None:
        """Cut off torn last lines: what a killed or full-disk writer left behind."""
        for name, kind in APPENDED.items():
            path = self.directory / f"{name}.jsonl"
            lines: Lines[object] = read_lines(path, kind)
            if lines.torn:
                truncate(path, lines.ends[-1] if lines.ends else 0)

    def keep_responses(self, end: int) -> None:
        """Cut the responses to ``end`` bytes (the end of the last whole batch)."""
        truncate(self.directory / "responses.jsonl", end)

    def add_responses(self, responses: Sequence[Response], timing: Timing) -> None:
        """Append one batch; it is on the disk when this returns."""
        append_lines(self.directory / "responses.jsonl", responses)
        append_lines(self.directory / "timings.jsonl", [timing])

    def add_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Append one batch of verdicts."""
        append_lines(self.directory / "verdicts.jsonl", verdicts)

    def save_comparisons(self, comparisons: Sequence[Comparison]) -> None:
        """Replace the comparisons."""
        lines = b"".join(msgspec.json.encode(c, order="deterministic") + b"\n" for c in comparisons)
        write_atomic(self.directory / "comparisons.jsonl", lines)

    def save_result(self, audit: Audit) -> None:
        """Replace the decision and the whole result."""
        self._write("decision.json", audit.decision)
        self._write("result.json", audit)

    def comparisons(self) -> list[Comparison]:
        """The derived comparisons."""
        return read_lines(self.directory / "comparisons.jsonl", Comparison).records

    def decision(self) -> Decision:
        """The derived decision."""
        return self._read("decision.json", Decision)

    def result(self) -> Audit:
        """The whole result of a finished run.

        Raises:
            StoreError: the run is not finished.
        """
        return self._read("result.json", Audit)

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
                cause="this is no run directory, or the run is not finished",
                hint="run the same check command again to finish it",
            ) from None
        except (msgspec.MsgspecError, OSError, UnicodeDecodeError) as e:
            raise StoreError(f"{path} is damaged", cause=str(e)[:200]) from None
