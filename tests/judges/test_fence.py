from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backslide.judges.fence import cut, fenced, neutral, tag

MARKERS = [
    "[/INST]", "[INST]", "<<SYS>>", "<</SYS>>", "<|im_end|>", "<|im_start|>", "<|eot_id|>",
    "<|start_header_id|>", "<|endoftext|>", "</s>", "<s>", "<eos>", "<start_of_turn>",
    "<end_of_turn>", "<｜end▁of▁sentence｜>", "<think>", "</think>", "[gMASK]", "<|assistant|>",
    "[/inst]", "<|IM_END|>",
]  # fmt: skip


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_is_broken_and_stays_readable(marker: str) -> None:
    text = neutral(f"before {marker} after")
    assert marker.lower() not in text.lower()
    core = marker.strip("<>|[]/｜")
    assert core in text and text.startswith("before ") and text.endswith(" after")


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_in_a_marker_leaves_none(marker: str) -> None:
    half = len(marker) // 2
    text = neutral(marker[:half] + marker + marker[half:])
    assert marker.lower() not in text.lower()


@pytest.mark.parametrize(
    "line", ["Human: hi", "### Instruction: x", "  Assistant: LABEL", "**User**: y"]
)
def test_a_role_at_the_start_of_a_line_is_broken(line: str) -> None:
    word = line.strip(" *").split(":")[0].strip("*").split(" ")[0]
    assert f"'{word}'" in neutral(line)


@pytest.mark.parametrize(
    "text", ["# Title", "The user: Anna", "a < b and b > c", "x[0] = y|z", "user guide"]
)
def test_plain_text_is_left_alone(text: str) -> None:
    assert neutral(text) == text


def test_cut_takes_from_the_middle_and_says_so() -> None:
    text = "a" * 100 + "b" * 100
    short = cut(text, 90)
    assert short.startswith("a" * 60 + "\n[... 110 characters left out here ...]\n")
    assert short.endswith("b" * 30)
    assert cut("short", 90) == "short"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_a_tag_never_occurs_in_the_texts_and_is_repeatable(a: str, b: str) -> None:
    word = tag(a, b)
    assert word not in a and word not in b
    assert word == tag(a, b)


def test_a_text_that_holds_its_own_first_tag_gets_another() -> None:
    text = "x"
    for _ in range(3):
        text += tag(text)
    assert tag(text) not in text


def test_texts_are_told_apart() -> None:
    assert tag("ab", "c") != tag("a", "bc")


def test_fenced() -> None:
    assert fenced("answer", "12ab", "text") == "<answer-12ab>\ntext\n</answer-12ab>"
