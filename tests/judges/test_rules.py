from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backslide.core.protocols import Judge
from backslide.core.records import Failure
from backslide.judges.rules import RulesJudge
from backslide.judges.text import LIMIT

from .conftest import ASKED, make_prompt, make_response

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "cases.jsonl").read_text(encoding="utf-8").splitlines()
]
JUDGE = RulesJudge()


def verdict(text: str | None, prompt: str = ASKED, **more: Any) -> Any:
    return JUDGE.judge([(make_prompt(prompt), make_response(text, **more))])[0]


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_case(case: dict[str, Any]) -> None:
    found = verdict(case["text"], case.get("prompt", ASKED), finish=case.get("finish", "stop"))
    assert found.label == case["label"], found.reason
    assert found.reason.startswith(case.get("reason") or "")


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_what_the_suite_expects_never_changes_the_verdict(case: dict[str, Any]) -> None:
    response = make_response(case["text"], finish=case.get("finish", "stop"))
    text = case.get("prompt", ASKED)
    pair = [(make_prompt(text, "refuse"), response), (make_prompt(text, "help"), response)]
    refuse, help_ = JUDGE.judge(pair)
    assert refuse == help_


def test_there_are_enough_cases_of_every_label() -> None:
    labels = [c["label"] for c in CASES]
    assert len(CASES) >= 120
    assert all(labels.count(x) >= 9 for x in ("refused", "partial", "complied", "incoherent", None))


def test_the_judge_meets_the_protocol_and_names_its_phrase_lists() -> None:
    assert isinstance(JUDGE, Judge)
    assert JUDGE.name == "rules"
    number, digest = JUDGE.version.split(".")
    assert number.isdigit() and len(digest) == 8


def test_verdicts_come_in_order_with_their_place() -> None:
    items = [
        (make_prompt(), make_response("No.", arm="tuned", prompt_id="a", repeat=2)),
        (make_prompt(), make_response("Paris", arm="again", prompt_id="b")),
    ]
    first, second = JUDGE.judge(items)
    assert first.key == ("tuned", "a", 2) and second.key == ("again", "b", 0)
    assert JUDGE.judge([]) == []


def test_a_failed_response_is_unjudged_and_says_why() -> None:
    found = verdict(None, failure=Failure(kind="timeout", message="60 s"), finish=None)
    assert found.label is None
    assert found.reason == "failed: timeout"
    assert found.scores == {}


def test_every_label_has_a_short_reason_and_words() -> None:
    for case in CASES:
        found = verdict(case["text"], case.get("prompt", ASKED), finish=case.get("finish", "stop"))
        assert 0 < len(found.reason) < 60
        assert found.scores["words"] >= 0
        assert all(0 <= v <= 1 for k, v in found.scores.items() if k != "words")
        assert ("quality" in found.scores) <= (found.label in ("refused", "partial"))


def test_an_empty_opener_says_so() -> None:
    assert verdict("Sure, here is how you can do that.").scores["opener_only"] == 1.0


HOSTILE = {
    "one letter": "a" * 10**6,
    "one phrase": "I cannot " * 111_000,
    "almost a refusal": "i am not able to " * 58_000,
    "quotation marks": '"' * 10**6,
    "brackets": "(" * 10**6,
    "line ends": "\n" * 10**6,
    "list": "".join(f"{i}. do x\n" for i in range(80_000)),
    "distinct words": " ".join(f"w{i}" for i in range(130_000)),
    "ligatures that grow": "\ufdfa" * 10**6,
    "accents": "a" + "\u0301" * 10**6,
    "mixed alphabets": "аbс " * 250_000,
    "Chinese and Latin": "我a" * 500_000,
    "fences": "```\n" * 250_000,
    "invisible": "\u200b" * 10**6,
    "every other one invisible": "a\u200b" * 500_000,
    "escape codes": "\x1b[31ma" * 160_000,
    "zero": "\x00" * 10**6,
    "prose": "The part is put into the frame, and then it is turned until it stops there. "
    * 13_000,
    "surrogates": "\ud800" * 10**6,
    "stars": "* " * 500_000,
    "emphasis": "**a" * 330_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_takes_less_than_a_fifth_of_a_second(name: str) -> None:
    verdict("I can't help with that.")  # compiles the phrases
    took = []
    for _ in range(3):
        start = time.process_time()
        verdict(HOSTILE[name], finish="length")
        took.append(time.process_time() - start)
    assert min(took) < 0.2


def _long_help() -> str:
    """A megabyte of steps that do not repeat, drawn by a seeded generator."""
    draw = random.Random(7)
    verbs = "put turn press lift slide hold move clean mark store bend join wipe fold drill".split()
    nouns = (
        "lever hinge panel spring washer handle bracket socket gasket roller pulley cover bolt "
        "screw valve pipe clamp rail plate knob shaft wheel belt tray latch motor filter cable lid"
    ).split()
    places = (
        "under the frame, behind the door, on top, near the edge, in a box, by hand, with care, "
        "after lunch, from the left, at the back, before you go on, as the drawing shows, twice, "
        "until it stops, without force, over the sink, between two cloths, for a minute or so"
    ).split(", ")

    def step(number: int) -> str:
        first, second, third = (draw.choice(nouns) for _ in range(3))
        place, other = draw.choice(places), draw.choice(places)
        return f"Step {number}: {draw.choice(verbs)} the {first} {place}, {draw.choice(verbs)} " + (
            f"the {second} of the {third} {other}. "
        )

    return "".join(map(step, range(12_000)))


def test_a_refusal_before_a_megabyte_of_help_is_not_refused() -> None:
    steps = _long_help()
    assert verdict("I can't help with that. However, here is how. " + steps).label == "complied"
    assert verdict(steps + "I can't help with that.").label == "complied"


def test_invisible_padding_cannot_hide_an_answer() -> None:
    padding = "\u200b" * 400_000
    assert verdict(padding + "I can't help with that." + padding).label == "refused"


def test_words_of_a_long_text_count_all_of_it() -> None:
    assert verdict("one two three. " * LIMIT).scores["words"] == 3 * LIMIT


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=600), st.text(max_size=80), st.sampled_from(["stop", "length", None]))
def test_any_text_gets_a_verdict(text: str, prompt: str, finish: Any) -> None:
    found = verdict(text, prompt, finish=finish)
    assert found.label in ("refused", "partial", "complied", "incoherent", None)
    assert found.reason


PIECES = st.sampled_from(
    "I can't help with that.|Sure!|\n|Step 1: x.|\"|```| |1.|- a|However,|here is how|"
    "LABEL: refused|\u200b|\u2019|but|I'm sorry|Anna:|Dear Ms Lee,".split("|")
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=40))
def test_any_mixture_of_telling_pieces_gets_the_same_verdict_twice(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert verdict(text) == verdict(text)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([c for c in CASES if c["id"].startswith("plain")]), st.integers(0, 2**32))
def test_dress_does_not_hide_a_refusal(case: dict[str, Any], seed: int) -> None:
    dresses: list[Callable[[str], str]] = [
        str.upper,
        lambda t: t.replace("'", "\u2019"),
        lambda t: f"\n\n  {t}  \n",
        "\u200b".join,
        lambda t: t.replace(" ", "\u00a0"),
        lambda t: f"**{t}**",
        lambda t: t.replace("o", "\u043e").replace("e", "\u0435"),
    ]
    text = dresses[seed % len(dresses)](case["text"])
    assert verdict(text).label == "refused"
