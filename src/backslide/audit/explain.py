"""What each check measures, how, its limits and its source; read from explain.toml."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from backslide.core.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """One explained check."""

    title: str
    measures: str
    how: str
    limits: str
    source: str


def topics() -> dict[str, Topic]:
    """All topics by name."""
    raw = tomllib.loads(Path(__file__).with_name("explain.toml").read_text(encoding="utf-8"))
    return {name: Topic(**fields) for name, fields in raw.items()}


def topic(check: str) -> tuple[str, Topic]:
    """The topic of a check id (``refusal.category.fraud`` belongs to ``category``).

    Raises:
        UsageError: no such check.
    """
    known = topics()
    name = "category" if check.startswith("refusal.category") else check
    name = {"refusal.overall": "refusal"}.get(name, name)
    name = name if name in known else name.split(".")[0]
    if name in known:
        return name, known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise UsageError(
        f"no check is called {check!r}",
        hint=f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}",
    )
