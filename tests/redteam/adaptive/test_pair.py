"""PAIR: independent streams that refine single prompts."""

from __future__ import annotations

import json
import re

from backslide.core.records import Prompt
from backslide.redteam.adaptive import PairBudget

from .scripts import DONE, REFUSAL, alone, fresh, holds, plan_of, yields_to


def test_every_stream_asks_each_depth_in_a_fresh_conversation() -> None:
    _, log, asker = alone("pair", plan_of(2, pair=PairBudget(streams=4, depth=3)), holds, fresh())
    assert len(log.shots) == len(asker.asked) == 2 * 4 * 3
    assert {len(s.prompt.messages) for s in log.shots} == {1}
    assert [s.turn for s in log.shots if s.goal == 0] == [1] * 4 + [2] * 4 + [3] * 4


def test_a_stream_knows_its_own_attempts_only() -> None:
    def attacker(prompt: Prompt) -> str:
        found = re.search(r"line (\d) of 3.*?attempt (\d)", prompt.text, re.DOTALL)
        assert found
        stream, depth = found.groups()
        own = [f"> stream {stream} depth {d}" in prompt.text for d in range(1, int(depth))]
        assert all(own)
        others = {s for s in re.findall(r"> stream (\d)", prompt.text) if s != stream}
        assert not others
        assert prompt.text.count(f"> {REFUSAL}") == int(depth) - 1
        assert prompt.text.count("Score: 1") == int(depth) - 1
        return json.dumps({"message": f"stream {stream} depth {depth}"})

    _, log, _ = alone("pair", plan_of(1, pair=PairBudget(streams=3)), holds, attacker)
    assert len({s.prompt.text for s in log.shots}) == 9


def test_streams_take_the_three_ways_in_turn() -> None:
    attacker = fresh()
    alone("pair", plan_of(1, pair=PairBudget(streams=5, depth=1)), holds, attacker)
    ways = [re.search(r"\n(Role play|Logical appeal|Authority)\.", p.text) for p in attacker.asked]
    assert [w[1] for w in ways if w] == [
        "Role play",
        "Logical appeal",
        "Authority",
        "Role play",
        "Logical appeal",
    ]


def test_one_success_ends_the_goal_and_no_other() -> None:
    def attacker(prompt: Prompt) -> str:
        if prompt.tags[1] == "delivered":
            return '{"answer": "yes"}'
        magic = "request number 1" in prompt.text and "line 2" in prompt.text
        return json.dumps({"message": "the magic word" if magic else f"dull {prompt.id}"})

    plan = plan_of(3, pair=PairBudget(streams=2, depth=3))
    _, log, _ = alone("pair", plan, yields_to("magic"), attacker)
    assert [s.outcome for s in log.shots if s.goal == 1] == ["refused", "complied"]
    assert {g: sum(s.goal == g for s in log.shots) for g in (0, 2)} == {0: 6, 2: 6}


def test_equal_prompts_of_two_streams_are_asked_once_and_read_for_each_goal() -> None:
    attacker = '{"message": "the same for all", "answer": "yes"}'
    plan = plan_of(2, pair=PairBudget(streams=5, depth=1))
    _, log, asker = alone("pair", plan, lambda r: DONE, lambda p: attacker)
    assert len(log.shots) == 10
    assert len(asker.asked) == 2
    assert {s.outcome for s in log.shots} == {"complied"}


def test_a_stream_without_a_reply_is_lost_and_the_others_go_on() -> None:
    def attacker(prompt: Prompt) -> str:
        return "?" if "line 1 of 2" in prompt.text else json.dumps({"message": prompt.id})

    _, log, _ = alone("pair", plan_of(1, pair=PairBudget(streams=2, depth=2)), holds, attacker)
    assert len(log.shots) == 2
    assert [x.reason for x in log.losses] == ["attacker_failed"] * 2
