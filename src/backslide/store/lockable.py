"""A directory that one process at a time writes to."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from backslide.core.errors import OutputError, StoreError


class Lockable:
    """``directory``, open for reading, or for writing after ``lock``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock: FileLock | None = None

    @property
    def exists(self) -> bool:
        return (self.directory / "manifest.json").exists()

    def lock(self) -> None:
        """Make the directory and take it for this process.

        Raises:
            OutputError: it cannot be made or written.
            StoreError: another process is writing to it.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.directory / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"{self.directory} is in use",
                cause="another backslide process is writing to it",
                hint="wait for it to end, or choose another place with --run",
            ) from None
        except OSError as e:
            raise OutputError(
                f"cannot write {self.directory}",
                cause=e.strerror or str(e),
                hint="choose another place with --run",
            ) from None
        self._lock = lock

    def unlock(self) -> None:
        """Give the directory back."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
