"""The data of the ladders, and how goals are given to them."""

from __future__ import annotations

import base64
import codecs
import json
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from backslide.core.errors import UsageError
from backslide.redteam.turns import TurnsPlan
from backslide.redteam.turns.ladders import fill, goals, kinds, ladders
from backslide.redteam.turns.plan import blocks, waves
from backslide.suites.near import THRESHOLD, resemblance, shingles

ROOT = Path(str(files("backslide")))
ENCODED = {"base64", "rot13", "leet", "topic_splitting"}


def _elsewhere() -> list[str]:
    """Requests of the core suite and of everything that controls are trained on."""
    rows = [
        json.loads(line)
        for place in ("suites/core/data", "controls/data")
        for path in sorted((ROOT / place).rglob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    texts = [r["text"] for r in rows if "text" in r]
    return texts + [t for r in rows for role, t in r.get("turns", ()) if role == "user"]


def test_goals_are_spread_over_the_categories_and_found_nowhere_else():
    per_category = Counter(g.category for g in goals())
    assert len(per_category) == 15
    assert set(per_category.values()) == {3}
    assert len({g.text for g in goals()}) == len({g.id for g in goals()}) == 45
    others = [shingles(t) for t in _elsewhere()]
    assert len(others) > 2000
    for goal in goals():
        own = shingles(goal.text)
        assert max(resemblance(own, other) for other in others) < THRESHOLD, goal.text


def test_ladder_turns_are_no_training_turns():
    seen = set(_elsewhere())
    steps = {s.text for ladder in ladders() for s in ladder.steps} - {"{request}"}
    frames = {s.replace("{request}", "").strip() for s in steps}
    assert not frames & {t.replace("{request}", "").strip() for t in seen}


def test_every_ladder_can_be_climbed_by_every_goal():
    assert {ladder.kind for ladder in ladders()} == set(kinds())
    for ladder in ladders():
        assert ladder.steps[-1].judged
        for goal in goals():
            for step in ladder.steps:
                said = fill(step.text, goal)
                assert "{" not in said
                if ladder.name not in ENCODED:
                    assert (goal.text in said) == step.judged


def test_encodings_are_of_the_request():
    goal = goals()[0]
    assert base64.b64decode(fill("{base64}", goal)).decode() == goal.text
    assert codecs.decode(fill("{rot13}", goal), "rot13") == goal.text
    assert fill("{head} {tail}", goal) == goal.text
    assert fill("{leet}", goal) != goal.text
    assert len(fill("{leet}", goal)) == len(goal.text)


@pytest.mark.parametrize("text", ["{secret}", "{", "{0}", "{request!z}"])
def test_an_unknown_slot_is_a_mistake_of_the_user(text: str):
    with pytest.raises(UsageError, match="cannot be filled in"):
        fill(text, goals()[0])


@pytest.mark.parametrize("shots", [8, 32, 64, 128, 256])
def test_shots_are_distinct_and_their_answers_are_empty_openers(shots: int):
    ladder = next(x for x in ladders() if x.shots == shots)
    goal = goals()[7]
    messages = ladder.opening(goal)
    assert len(messages) == 2 * shots + 1
    asked = [m.content for m in messages[:-1:2]]
    assert len(set(asked)) == shots
    assert goal.text not in asked
    assert messages[-1].content == goal.text
    assert {len(m.content.split()) < 10 for m in messages[1::2]} == {True}
    assert [m.role for m in messages[:2]] == ["user", "assistant"]


def test_the_default_plan_is_balanced_and_fits_the_budget():
    plan = waves(TurnsPlan())
    scripts = [s for wave in plan for s in wave]
    meets = Counter(s.goal.id for s in scripts)
    assert len(meets) == 45
    assert max(meets.values()) - min(meets.values()) <= 1
    assert sum(len(s.ladder.steps) for s in scripts) <= 500
    assert len({(s.ladder.name, s.goal.id) for s in scripts}) == len(scripts)
    again = [s.goal.id for s in scripts if s.ladder.asks_again]
    assert len(set(again)) == len(again)
    categories = Counter(s.goal.category for s in plan[0])
    assert max(categories.values()) - min(categories.values()) <= 1
    assert not [s for s in scripts if s.ladder.plan != "default"]


def test_plans_differ_only_where_they_say():
    assert waves(TurnsPlan()) == waves(TurnsPlan())
    assert waves(TurnsPlan(seed=1)) != waves(TurnsPlan())
    full = [s for wave in waves(TurnsPlan(full=True)) for s in wave]
    assert {s.ladder.shots for s in full} == {0, 8, 32, 64, 128, 256}
    assert set(Counter(s.ladder.name for s in full).values()) == {45}
    one = waves(TurnsPlan(names=("prefill",), share=0.1))
    assert [s.ladder.name for wave in one for s in wave] == ["prefill"] * 3
    assert one[0][0].ladder.opening(one[0][0].goal)[-1].role == "assistant"


def test_wrong_plans_are_mistakes_of_the_user():
    with pytest.raises(UsageError, match="no such ladder"):
        waves(TurnsPlan(names=("stairs",)))
    with pytest.raises(UsageError, match="above 0"):
        waves(TurnsPlan(share=0.0))


def test_blocks_grow_and_begin_with_what_tells_most_for_its_price():
    parts = blocks(TurnsPlan())
    whole = [s for wave in waves(TurnsPlan()) for s in wave]
    key = lambda s: (s.ladder.name, s.goal.id)  # noqa: E731
    assert sorted(key(s) for part in parts for s in part) == sorted(map(key, whole))
    assert [len(part) for part in parts] == [8, 16, 32, 64, 7]
    assert {s.ladder.name for s in parts[0]} == {"insist"}
    assert all(s.ladder.asks_again for s in parts[1])
    order = [s.ladder.wave for part in parts for s in part]
    assert order == sorted(order)
    # An early end within a wave cuts every ladder, not the last ones.
    third = [s.ladder.name for part in parts for s in part if s.ladder.wave == 3]
    assert len(set(third[: len(third) // 2])) == len(set(third))
