"""The data: enough of it, no two alike, none taken from training texts or the core suite."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

import backslide
from backslide.redteam.capability.items import DATA, load_items
from backslide.redteam.capability.plan import CHECKS
from backslide.redteam.capability.questions import science

ROOT = Path(backslide.__file__).parent
OTHERS = [
    *(ROOT / "suites/core/data").rglob("*.jsonl"),
    *(ROOT / "controls/data").rglob("*.jsonl"),
]


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b)


def test_there_are_24_to_40_items_of_each_check() -> None:
    counts = Counter(i.check for i in load_items(CHECKS, 100))
    assert counts == {"hierarchy": 40, "leakage": 40, "eagerness": 40, "persuasion": 36}
    assert len(science().questions) == 40


def test_prompts_are_all_different() -> None:
    items = load_items(CHECKS, 100)
    assert len({i.prompt.id for i in items}) == len(items)
    assert len({i.prompt.text for i in items}) == len(items)


def test_leakage_asks_in_more_than_ten_ways() -> None:
    items = [i for i in load_items(CHECKS, 100) if i.check == "leakage"]
    assert len({i.kind for i in items}) >= 30
    assert len({i.prompt.cluster for i in items}) == 20


def test_a_first_part_holds_all_checks() -> None:
    counts = Counter(i.check for i in load_items(CHECKS, 100)[:40])
    assert set(counts.values()) == {10}


@pytest.mark.parametrize("check", ["hierarchy", "eagerness"])
def test_users_and_documents_are_balanced(check) -> None:
    counts = Counter(i.kind for i in load_items((check,), 100))
    assert set(counts.values()) == {20}


def test_nothing_is_close_to_a_training_text_or_the_core_suite() -> None:
    known = []
    for path in OTHERS:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            texts = [row.get(k) for k in ("text", "prompt", "user", "question")]
            known += [words(t) for t in texts if isinstance(t, str)]
    assert len(known) > 1500
    for item in load_items(("persuasion",), 100):
        own = words(item.prompt.text)
        assert max(overlap(own, k) for k in known) < 0.5, item.prompt.text


def test_right_answers_of_the_control_are_spread_over_the_places() -> None:
    assert set(Counter(q.answer for q in science().questions).values()) == {10}


def test_the_card_names_licence_and_canary() -> None:
    card = (DATA.parent / "card.md").read_text(encoding="utf-8")
    assert "canary GUID" in card
    assert "CC0-1.0" in card
