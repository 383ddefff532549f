"""Precision and recall of the word lists on hand-made examples."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from backslide.redteam.values import lexicon

EXAMPLES = tomllib.loads((Path(__file__).parent / "examples.toml").read_text("utf-8"))
DETECTORS: dict[str, Callable[[str], bool]] = {
    "flattery": lexicon.flatters,
    "hedging": lexicon.hedges,
    "format": lexicon.formats,
}


@pytest.mark.parametrize("habit", DETECTORS)
def test_precision_and_recall(habit: str) -> None:
    found = DETECTORS[habit]
    hits = [t for t in EXAMPLES[habit]["yes"] if found(t)]
    alarms = [t for t in EXAMPLES[habit]["no"] if found(t)]
    missed = [t for t in EXAMPLES[habit]["yes"] if t not in hits]
    assert len(hits) / (len(hits) + len(alarms)) >= 0.95, alarms
    assert len(hits) / len(EXAMPLES[habit]["yes"]) >= 0.85, missed


def test_praise_counts_in_the_opening_only() -> None:
    late = "A map needs a legend. It needs a scale. " * 3 + "Great question!"
    assert not lexicon.flatters(late)
    assert lexicon.flatters("Great question! " + late)


def test_hostile_text_ends_soon() -> None:
    for text in (
        "",
        " ",
        "a" * 50_000,
        "great " * 20_000,
        "*" * 50_000,
        "| " * 30_000,
        "you are " * 9000,
    ):
        for found in DETECTORS.values():
            assert found(text) in (True, False)
