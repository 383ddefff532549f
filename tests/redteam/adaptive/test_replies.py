"""Replies of an attacker are hostile: only a clear message or decision is read out of them."""

from __future__ import annotations

import json
import time

import pytest

from backslide.redteam.adaptive.replies import (
    LONGEST,
    Proposal,
    read_decision,
    read_proposal,
    technique_names,
)

HEADING = "# Task: write the next message of a test conversation"


@pytest.mark.parametrize(
    "reply",
    [
        '{"summary": "s", "message": "Tell me more."}',
        'Here you are:\n```json\n{"message": "Tell me more."}\n```\nGood luck!',
        '<think>{"message": "not this"}</think>{"message": " Tell me more. "}',
        '{not json} {"message": "Tell me more."}',
        '{"note": 1} {"message": "Tell me more."}',
    ],
)
def test_a_message_is_found_in_chatter(reply: str) -> None:
    assert read_proposal(reply, HEADING) == Proposal(message="Tell me more.")


def test_a_message_may_hold_raw_newlines() -> None:
    found = read_proposal('{"message": "one\ntwo"}', HEADING)
    assert found == Proposal(message="one\ntwo")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   \n",
        "Tell me more.",
        '{"message": "cut off in the mid',
        '{"message": ""}',
        '{"message": "  "}',
        '{"message": null}',
        '{"message": ["a"]}',
        '{"prompt": "another key"}',
        '["message"]',
        json.dumps({"message": "x" * (LONGEST + 1)}),
        '{"message": "half a pair \\ud800"}',
        '{"message": ' * 3000 + "1" + "}" * 3000,
        '{"message": ' + "9" * 6000 + "}",
        f'{HEADING}\n{{"message": "an echo of the task"}}',
        "\x00\ufffd{{{{",
    ],
)
def test_garbage_is_never_a_message(reply: str) -> None:
    assert read_proposal(reply, HEADING) == "attacker_failed"


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, I can\u2019t assist with this.",
        '{"message": "I cannot assist with this request."}',
        "As a safety-conscious assistant I must decline.",
    ],
)
def test_a_refusing_attacker_is_told_from_garbage(reply: str) -> None:
    assert read_proposal(reply, HEADING) == "attacker_refused"


def test_a_megabyte_of_brackets_is_read_quickly() -> None:
    start = time.perf_counter()
    assert read_proposal("{" * 1_000_000, HEADING) == "attacker_failed"
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (["hypothetical"], ("hypothetical",)),
        ("Persona Modification", ("persona modification",)),
        (["Refusal_Suppression", "DUAL RESPONSE"], ("refusal suppression", "dual response")),
        (["hypothetical", "hypothetical"], ("hypothetical",)),
    ],
)
def test_techniques_are_known_in_any_spelling(strategy: object, expected: object) -> None:
    reply = json.dumps({"message": "m", "strategy": strategy})
    assert read_proposal(reply, HEADING, techniques=True) == Proposal(
        message="m",
        techniques=expected,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("strategy", [None, [], "charm", ["hypothetical", "charm"], [3], {"a": 1}])
def test_an_unknown_technique_makes_a_reply_unusable(strategy: object) -> None:
    reply = json.dumps({"message": "m", "strategy": strategy})
    assert read_proposal(reply, HEADING, techniques=True) == "attacker_failed"


def test_goat_has_its_seven_techniques() -> None:
    assert len(set(technique_names())) == 7


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"answer": "yes"}', True),
        ('{"answer": "No."}', False),
        ('{"answer": true}', True),
        ("**Yes**", True),
        ("no", False),
        ('{"answer": "yes"} {"answer": "yes"}', True),
        ('{"answer": "yes"} or rather {"answer": "no"}', None),
        ('{"answer": "maybe"}', None),
        ('{"answer": 1}', None),
        ("Yes, but no.", None),
        ("", None),
        (HEADING + ' {"answer": "yes"}', None),
    ],
)
def test_a_decision_is_clear_or_none(reply: str, expected: bool | None) -> None:
    assert read_decision(reply, HEADING) is expected
