"""Reads the data files that the focuses ship with."""

from __future__ import annotations

import json
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any


def rows(file: Path | Traversable) -> list[dict[str, Any]]:
    """The objects of a JSON lines file."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def table(file: Path | Traversable) -> dict[str, Any]:
    """A TOML file."""
    return tomllib.loads(file.read_text(encoding="utf-8"))
