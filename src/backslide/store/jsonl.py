"""JSON lines that survive kill -9 and a full disk.

A batch of lines is written with one call and synced; only whole lines count. A torn last line (no
newline at its end) is what a killed writer leaves: readers skip it, the next writer cuts it off. A
damaged line in the middle is never skipped in silence: it is an error that names the line.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from backslide.core.errors import OutputError, StoreError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lines(Generic[T]):
    """Records of a file with the byte offset at which each ends, and whether the end was torn."""

    records: list[T]
    ends: list[int]
    torn: bool


def read_lines(path: Path, kind: type[T]) -> Lines[T]:
    """All whole lines of ``path`` as records of ``kind``; an absent file holds none.

    Raises:
        StoreError: a line that is not a record of that kind, with its number.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Lines([], [], False)
    except OSError as e:
        raise StoreError(f"cannot read {path}", cause=str(e)) from None
    decoder = msgspec.json.Decoder(kind)
    records: list[T] = []
    ends: list[int] = []
    start = 0
    while (stop := data.find(b"\n", start)) >= 0:
        records.append(_decode(decoder, data[start:stop], path, len(records) + 1))
        start = stop + 1
        ends.append(start)
    return Lines(records, ends, torn=start < len(data))


def _decode(decoder: msgspec.json.Decoder[T], line: bytes, path: Path, number: int) -> T:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as e:
        raise StoreError(
            f"{path} line {number} is damaged",
            cause=str(e)[:200],
            hint="restore the file from a backup, or start again in another run directory (--run)",
        ) from None


def append_lines(path: Path, records: Sequence[object]) -> None:
    """Write the records as whole lines in one call and sync them to the disk.

    Raises:
        OutputError: the disk is full or the place cannot be written; earlier lines are kept.
    """
    data = b"".join(msgspec.json.encode(r, order="deterministic") + b"\n" for r in records)
    try:
        with path.open("ab", buffering=0) as f:
            written = f.write(data)
            if written != len(data):
                raise OSError(errno.ENOSPC, "no space left on device")
            os.fsync(f.fileno())
    except OSError as e:
        raise _cannot_write(path, e) from None


def truncate(path: Path, end: int) -> None:
    """Cut the file to ``end`` bytes: drops a torn line or the lines of an unfinished batch."""
    if not path.exists() or path.stat().st_size == end:
        return
    try:
        with path.open("r+b") as f:
            f.truncate(end)
            os.fsync(f.fileno())
    except OSError as e:
        raise _cannot_write(path, e) from None


def write_atomic(path: Path, data: bytes) -> None:
    """Replace ``path`` in one step, so that readers see the old or the new file, never half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        temporary.replace(path)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise _cannot_write(path, e) from None


def _cannot_write(path: Path, e: OSError) -> OutputError:
    hints = {
        errno.ENOSPC: "free some space, then run the same command: it goes on where it stopped",
        errno.EDQUOT: "free some space, then run the same command: it goes on where it stopped",
        errno.EROFS: "choose another place with --run",
        errno.EACCES: "choose another place with --run",
    }
    return OutputError(
        f"cannot write {path}", cause=e.strerror or str(e), hint=hints.get(e.errno or 0)
    )
