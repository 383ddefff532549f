"""Texts that the core suite must not hold: what the controls are trained on, and benchmarks."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import yaml

from backslide.core.records import Message

from .conftest import BENCHMARKS

Conversation = tuple[Message, ...]
PROMPT_COLUMNS = ("Behavior", "forbidden_prompt", "prompts_final", "prompt")


def training_texts() -> list[Conversation]:
    """Every text of several words, of whatever field, that the controls are trained on."""
    data = Path(str(files("backslide").joinpath("controls", "data")))
    rows = [
        json.loads(line)
        for part in sorted(data.rglob("*.jsonl"))
        for line in part.read_text("utf-8").splitlines()
    ]
    return [_said(text) for text in sorted({t for row in rows for t in _strings(row) if " " in t})]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def benchmark_texts() -> list[Conversation]:
    """Every prompt of the published suites and of Do-Not-Answer; empty without a copy."""
    return [_said(text) for text in _published()] if BENCHMARKS.is_dir() else []


def _published() -> Iterator[str]:
    for part in ("harmbench", "strongreject", "simplesafetytests", "xstest"):
        for path in sorted((BENCHMARKS / part).glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as f:
                for row in csv.DictReader(f):
                    yield next(row[c] for c in PROMPT_COLUMNS if c in row)
    for path in sorted((BENCHMARKS / "do-not-answer").glob("*.jsonl")):
        yield from (json.loads(line)["prompt"] for line in path.read_text("utf-8").splitlines())
    for path in (BENCHMARKS / "advbench").glob("*.prompt"):
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        seeds = yaml.load(path.read_text("utf-8"), Loader=loader)["seeds"]
        yield from (seed["value"] for seed in seeds)


def _said(text: str) -> Conversation:
    return (Message(role="user", content=text),)
