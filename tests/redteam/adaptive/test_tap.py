"""TAP: a tree that is pruned to topic and width."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from backslide.core.records import Prompt, Request
from backslide.redteam.adaptive import TapBudget
from backslide.redteam.adaptive.tap import Tap

from .scripts import DONE, PART, REFUSAL, Scripted, alone, fresh, holds, plan_of


@pytest.mark.parametrize(
    ("branch", "width", "depth", "asked", "over"),
    [
        (2, 3, 3, [2, 3, 3], [0, 1, 3]),
        (4, 10, 3, [4, 10, 10], [0, 6, 30]),
        (1, 5, 2, [1, 1], [0, 0]),
        (5, 2, 2, [2, 2], [3, 8]),
    ],
)
def test_both_prunings_keep_the_width(
    branch: int, width: int, depth: int, asked: list[int], over: list[int]
) -> None:
    budget = TapBudget(branch=branch, width=width, depth=depth)
    attack, log, _ = alone("tap", plan_of(1, tap=budget), holds, fresh())
    rounds = Counter(s.round for s in log.shots)
    assert [rounds[r] for r in range(1, depth + 1)] == asked
    lost = Counter(x.round for x in log.losses)
    assert [lost[r] for r in range(1, depth + 1)] == over
    assert {x.reason for x in log.losses} <= {"over_width"}
    assert isinstance(attack, Tap)
    assert len(attack.leaves[0]) <= width
    assert {len(leaf) for leaf in attack.leaves[0]} == {depth}


def test_a_prompt_off_topic_is_never_asked_and_the_roots_grow_again() -> None:
    attacker = Scripted(lambda p, n: f"What is the capital of France? {n}", topical=False)
    budget = TapBudget(branch=2, width=2, depth=2)
    attack, log, asker = alone("tap", plan_of(1, tap=budget), holds, attacker)
    assert not asker.asked
    assert [x.reason for x in log.losses] == ["off_topic"] * 4
    assert isinstance(attack, Tap)
    assert attack.leaves == [[()]]


def test_only_topical_branches_of_a_mixed_tree_are_asked() -> None:
    def attacker(prompt: Prompt) -> str:
        if prompt.tags[1] == "on_topic":
            return "no" if "> stray" in prompt.text else "yes"
        stray = "variant 2" in prompt.text
        return json.dumps({"message": f"{'stray' if stray else 'straight'} {prompt.id}"})

    _, log, _ = alone("tap", plan_of(1, tap=TapBudget(branch=3, width=9)), holds, attacker)
    assert log.shots
    assert not any("stray" in s.prompt.text for s in log.shots)
    assert Counter(x.reason for x in log.losses)["off_topic"] == 1 + 2 + 4


def test_an_unreadable_evaluator_prunes_and_is_counted_as_such() -> None:
    def attacker(prompt: Prompt) -> str:
        return "hm" if prompt.tags[1] == "on_topic" else json.dumps({"message": prompt.id})

    _, log, asker = alone("tap", plan_of(1), holds, attacker)
    assert not asker.asked
    assert {x.reason for x in log.losses} == {"evaluator_failed"}


def test_the_best_answered_branches_become_the_leaves() -> None:
    """Prompts with an even number are answered in part; two of them must be the leaves."""

    def attacker(prompt: Prompt) -> str:
        if prompt.tags[1] == "on_topic":
            return "yes"
        number = next(b for b in range(1, 7) if f"variant {b} of" in prompt.text)
        return json.dumps({"message": f"prompt {number}"})

    def model(request: Request) -> str:
        return PART if int(request.prompt.text[-1]) % 3 == 0 else REFUSAL

    budget = TapBudget(branch=6, width=6, depth=1)
    attack, _, _ = alone("tap", plan_of(1, tap=budget), model, attacker)
    assert isinstance(attack, Tap)
    scores = [leaf[-1][2] for leaf in attack.leaves[0]]
    assert scores == [5, 5, 1, 1, 1, 1]


def test_children_are_shown_the_attempts_that_led_to_them() -> None:
    attacker = fresh()
    budget = TapBudget(branch=2, width=2, depth=2)
    _, log, _ = alone("tap", plan_of(1, tap=budget), holds, attacker)
    first = {s.prompt.text for s in log.shots if s.round == 1}
    later = [p.text for p in attacker.of("tap") if "Depth 2 of 2" in p.text]
    assert len(later) == 4
    for text in later:
        assert sum(f"> {prompt}" in text for prompt in first) == 1


def test_a_success_ends_the_goal() -> None:
    _, log, _ = alone("tap", plan_of(2), lambda r: DONE, fresh())
    assert {s.round for s in log.shots} == {1}
    assert {s.outcome for s in log.shots} == {"complied"}


def test_the_tree_is_the_same_every_time() -> None:
    plan = plan_of(2, tap=TapBudget(branch=4, width=3, depth=3))
    logs = [alone("tap", plan, holds, fresh())[1] for _ in range(2)]
    assert [s.prompt.id for s in logs[0].shots] == [s.prompt.id for s in logs[1].shots]
