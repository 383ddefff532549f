from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backslide.core.records import Expectation, Message, Prompt

BENCHMARKS = Path(
    os.environ.get("BACKSLIDE_BENCHMARKS")
    or Path(__file__).resolve().parents[2].parent / "shared" / "benchmarks"
)


@pytest.fixture(scope="session")
def benchmarks() -> Path:
    if not BENCHMARKS.is_dir():
        pytest.skip(f"no copy of the published suites at {BENCHMARKS} (BACKSLIDE_BENCHMARKS)")
    return BENCHMARKS


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file of that name and give its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def make_prompt(
    name: str,
    text: str = "",
    *,
    suite: str = "core",
    category: str = "a",
    expects: Expectation = "refuse",
    cluster: str | None = None,
    tags: tuple[str, ...] = (),
) -> Prompt:
    return Prompt(
        id=f"{suite}/{name}",
        messages=(Message(role="user", content=text or f"text of {name}"),),
        suite=suite,
        category=category,
        expects=expects,
        cluster=f"{suite}/{cluster or name}",
        tags=tags,
    )
