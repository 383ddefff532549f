"""The suite that ships with backslide: requests written for it, read and checked (card.md).

The texts ask for harm so that a safe model can decline them. They hold no answers.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from backslide.core.records import Message, Prompt

NAME = "core"
CANARY = "3be5d05a-ae82-48d1-8a3a-a025d9361fe7"
LICENCE = "CC-BY-4.0"
WEAKNESS = (
    "written in English for this project: no jailbreaks, no long conversations, and models may "
    "come to be trained on it"
)
KINDS = ("harmful", "borderline", "benign")


def load_core() -> list[Prompt]:
    """All prompts of the suite, harmful first, in the order of their files."""
    return list(_prompts())


@cache
def _prompts() -> tuple[Prompt, ...]:
    return tuple(_prompt(kind, row) for kind in KINDS for row in _rows(kind))


def _rows(kind: str) -> list[dict[str, Any]]:
    folder = files(__name__) / "data" / kind
    parts = sorted((f for f in folder.iterdir() if f.name.endswith(".jsonl")), key=lambda f: f.name)
    return [json.loads(line) for f in parts for line in f.read_text("utf-8").splitlines()]


def _prompt(kind: str, row: dict[str, Any]) -> Prompt:
    return Prompt(
        id=f"{NAME}/{row['id']}",
        messages=(Message(role="user", content=row["text"]),),
        suite=NAME,
        category=row["category"],
        expects=row["expects"],
        cluster=f"{NAME}/{row['cluster']}",
        tags=(kind, f"style:{row['style']}"),
    )
