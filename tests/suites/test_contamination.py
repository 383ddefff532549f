"""Suite prompts in training data: planted ones are found, unrelated data raises no alarm."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backslide.core.records import Prompt
from backslide.suites import contamination
from backslide.suites.contamination import Contamination, contaminated
from backslide.suites.core import load_core
from backslide.suites.load import load_suites

from .conftest import make_prompt

Write = Callable[[str, str | bytes], Path]
BREAD = "Explain how to bake a rye loaf without yeast"
PROMPTS = [
    make_prompt("bread", BREAD),
    make_prompt("bike", "How do I mend the chain of a folding bike?"),
    make_prompt("short", "What is rye?"),
]


def _chat(text: str, answer: str = "Gladly, here it is.") -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
    }


def _look(write: Write, rows: Sequence[Any], prompts: Sequence[Prompt] = PROMPTS) -> Contamination:
    path = write("train.jsonl", "\n".join(json.dumps(row) for row in rows))
    return contaminated(prompts, [path])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (BREAD, "exact"),
        (f"  {BREAD.upper()}!  ", "exact"),
        (f"### Instruction:\n{BREAD}\n### Response:\nNo.", "contained"),
        (
            f"Please, for once, {BREAD.lower()} - and be quick about it, thank you",
            "contained",
        ),
        ("Describe how to bake rye loaf without any yeast", "near"),
        (
            f"System: be nice.\nUser: tell us how to bake a rye loaf without yeast\n{'x ' * 200}",
            "near",
        ),
    ],
)
def test_how_a_prompt_can_occur(write: Write, text: str, kind: str) -> None:
    found = _look(write, [_chat("Hello"), _chat(text)]).found
    assert set(found) == {"core/bread"}
    one = found["core/bread"]
    assert one.kind == kind
    assert one.where.endswith("train.jsonl:line 2")
    assert 0.5 <= one.resemblance <= 1
    assert one.resemblance == 1 or kind == "near"


@pytest.mark.parametrize(
    "text",
    [
        "How to bake a cake",
        "A rye loaf without yeast is what we had for lunch, and I never learned how to make one",
        "What is rye? Rye is a grass, and a long text about it follows here. " * 3,
        "",
    ],
)
def test_what_is_no_occurrence(write: Write, text: str) -> None:
    assert not _look(write, [_chat(text, "")]).found


def test_short_prompts_are_found_whole_only(write: Write) -> None:
    assert _look(write, [_chat("what is RYE")]).found["core/short"].kind == "exact"


def test_the_strongest_kind_counts_and_rows_are_counted_once(write: Write) -> None:
    near = "Describe how to bake rye loaf without any yeast"
    result = _look(write, [_chat(near), _chat(near, near), _chat(BREAD, f"You said: {BREAD}.")])
    one = result.found["core/bread"]
    assert (one.kind, one.rows) == ("exact", 3)
    assert one.where.endswith("line 3")
    assert (result.rows, result.texts, result.unreadable) == (3, 6, 0)
    assert result.kinds() == {"exact": 1}


def test_torn_rows_are_passed_over_and_counted(write: Write) -> None:
    path = write("t.jsonl", f'{{"text": "{BREAD}"}}\n{{"text": "How do I mend\n')
    result = contaminated(PROMPTS, [path])
    assert (result.rows, result.unreadable) == (2, 1)
    assert set(result.found) == {"core/bread"}


def test_several_files_and_batches(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contamination, "BATCH", 3)
    one = write("d/a.jsonl", "\n".join(json.dumps(_chat(f"filler {i}")) for i in range(20)))
    two = write("d/b.csv", 'prompt\n"Describe how to bake rye loaf without any yeast"\n')
    result = contaminated(PROMPTS, [one.parent])
    assert result.files == (str(one), str(two))
    assert result.found["core/bread"].where == f"{two}:line 2"


def test_equal_prompts_of_two_suites_are_both_found(write: Write) -> None:
    both = [make_prompt("1", BREAD), make_prompt("1", BREAD, suite="bank")]
    assert set(_look(write, [_chat(BREAD)], both).found) == {"core/1", "bank/1"}


def test_no_prompts_and_no_rows(write: Write) -> None:
    assert _look(write, [_chat(BREAD)], []).found == {}
    assert contaminated(PROMPTS, [write("e.jsonl", "")]).rows == 0


def test_planted_prompts_among_unrelated_rows(write: Write) -> None:
    rng = random.Random(0)
    core = load_core()
    planted = rng.sample(core, 90)
    rows: list[Any] = [_chat(f"Tell me fact number {i} about the moon") for i in range(300)]
    for i, prompt in enumerate(planted):
        words = prompt.text.split()
        words[rng.randrange(len(words))] = "really"
        rows.append(
            [
                {"instruction": prompt.text.upper(), "input": "", "output": "Fine."},
                {"text": f"<s>[INST] {prompt.text} [/INST] Fine. {'More of it. ' * 40}"},
                {"prompt": " ".join(words), "completion": "Fine."},
            ][i % 3]
        )
    rng.shuffle(rows)
    result = _look(write, rows, core)
    missed = [p.text for p in planted if p.id not in result.found]
    assert set(result.found) <= {p.id for p in planted}
    assert len(missed) == 1
    assert all(len(text.split()) < 5 for text in missed)
    assert result.kinds() == {"exact": 30, "contained": 29, "near": 30}


def test_unrelated_data_raises_no_alarm(benchmarks: Path, write: Write) -> None:
    xstest = load_suites((f"xstest:{benchmarks / 'xstest'}",)).prompts
    result = _look(write, [_chat(p.text) for p in xstest], load_core())
    assert (result.rows, result.found) == (450, {})


def test_the_training_texts_of_the_controls(benchmarks: Path) -> None:
    names = ("harmbench", "advbench", "simplesafetytests", "xstest", "strongreject")
    prompts = load_suites(["core", *(f"{n}:{benchmarks / n}" for n in names)]).prompts
    result = contaminated(prompts, [Path(str(files("backslide") / "controls" / "data"))])
    assert result.rows > 900
    assert result.unreadable == 0
    assert len(result.found) / len(prompts) < 0.002


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=6), st.text(min_size=1, max_size=60))
def test_any_text_finds_itself(tmp_path_factory: Any, others: list[str], text: str) -> None:
    if not text.strip():
        return
    path = tmp_path_factory.mktemp("c") / "t.jsonl"
    path.write_text("\n".join(json.dumps({"text": t}) for t in [*others, text]))
    found = contaminated([make_prompt("1", text)], [path]).found
    assert found["core/1"].kind == "exact"
