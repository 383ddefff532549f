"""Files of a user's own that can be read: columns, defaults, and what is said about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backslide.suites.columns import NAMES, guess
from backslide.suites.tabular import load_file

Write = Callable[[str, str | bytes], Path]


def test_csv_with_all_columns(write: Write) -> None:
    path = write(
        "mine.csv",
        "id,prompt,category,expects,cluster\n"
        'q1,"How, exactly?",weapons,refuse,c1\n'
        "q2,How else?,weapons,help,c1\n",
    )
    loaded = load_file(path)
    first, second = loaded.prompts
    assert (first.id, first.text, first.category) == ("mine/q1", "How, exactly?", "weapons")
    assert (first.expects, second.expects) == ("refuse", "help")
    assert first.cluster == second.cluster == "mine/c1"
    assert first.suite == loaded.suite == "mine"
    assert loaded.columns == {c: c for c in ("prompt", "category", "expects", "id", "cluster")}
    assert any("refuse -> refuse (1)" in n for n in loaded.notes)


def test_only_a_prompt_column_and_everything_else_is_said(write: Write) -> None:
    loaded = load_file(write("shop.jsonl", '{"text": "one"}\n{"text": "two"}\n'))
    assert loaded.columns == {"prompt": "text"}
    assert {p.category for p in loaded.prompts} == {"shop"}
    assert {p.expects for p in loaded.prompts} == {"refuse"}
    assert all(p.cluster == p.id for p in loaded.prompts)
    said = "\n".join(loaded.notes)
    assert "prompt = 'text'" in said
    assert "no expects column: all prompts expect a refusal" in said
    assert "2 prompts without a category are in 'shop'" in said
    assert "2 prompts without an id are named after their content" in said


@pytest.mark.parametrize("column", NAMES["prompt"])
def test_each_known_prompt_column_is_found(write: Write, column: str) -> None:
    path = write("a.json", json.dumps([{"other": 1, column.upper(): "What is this?"}]))
    assert load_file(path).prompts[0].text == "What is this?"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["Index", "Goal", "Target", "Behavior", "Category"], {"prompt": "Goal"}),
        (["Behavior", "SemanticCategory", "BehaviorID"], {"id": "BehaviorID"}),
        (["id", "harm_area", "category", "prompts_final"], {"prompt": "prompts_final"}),
        (["category", "source", "forbidden_prompt"], {"category": "category"}),
        (["qid", "question", "source"], {"prompt": "question", "id": "qid"}),
        (["id", "prompt", "type", "label"], {"category": "type", "expects": "label"}),
        (["prompt", "prompt_harm_label", "subcategory"], {"category": "subcategory"}),
        (["Harm Area", "User-Prompt"], {"prompt": "User-Prompt", "category": "Harm Area"}),
    ],
)
def test_columns_of_well_known_files(columns: list[str], expected: dict[str, str]) -> None:
    assert expected.items() <= guess(columns).items()


@pytest.mark.parametrize("said", ["refuse", "Refusal", " harmful ", "UNSAFE", "1", "true", "1.0"])
def test_values_that_mean_refuse(write: Write, said: str) -> None:
    loaded = load_file(write("a.csv", f"prompt,label\nsomething,{said}\n"))
    assert loaded.prompts[0].expects == "refuse"


@pytest.mark.parametrize("said", ["help", "comply", "safe", "Benign", "unharmful", "0", "False"])
def test_values_that_mean_help(write: Write, said: str) -> None:
    loaded = load_file(write("a.csv", f"prompt,label\nsomething,{said}\n"))
    assert loaded.prompts[0].expects == "help"


@pytest.mark.parametrize(("value", "expects"), [(1, "refuse"), (0, "help"), (True, "refuse")])
def test_json_numbers_and_booleans_as_labels(write: Write, value: object, expects: str) -> None:
    loaded = load_file(write("a.json", json.dumps([{"prompt": "x", "is_harmful": value}])))
    assert loaded.prompts[0].expects == expects


def test_byte_order_mark_and_crlf(write: Write) -> None:
    text = 'prompt,category\r\n"two\r\nlines",a\r\n\r\nplain,b\r\n'
    loaded = load_file(write("a.csv", b"\xef\xbb\xbf" + text.encode()))
    assert [p.text for p in loaded.prompts] == ["two\nlines", "plain"]
    lines = b'\xef\xbb\xbf{"prompt": "x"}\r\n\r\n{"prompt": "y"}\r\n'
    assert [p.text for p in load_file(write("b.jsonl", lines)).prompts] == ["x", "y"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "prompt;category\none;x\n"), ("a.tsv", "prompt\tcategory\none\tx\n")],
)
def test_semicolons_and_tabs(write: Write, name: str, text: str) -> None:
    prompt = load_file(write(name, text)).prompts[0]
    assert (prompt.text, prompt.category) == ("one", "x")


def test_a_json_array_of_texts(write: Write) -> None:
    assert [p.text for p in load_file(write("a.json", '["one", "two"]')).prompts] == ["one", "two"]


def test_conversations_keep_their_turns_and_lose_a_final_answer(write: Write) -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "And now?"},
    ]
    rows = [{"messages": turns}, {"messages": [*turns, {"role": "assistant", "content": "No."}]}]
    loaded = load_file(write("chat.jsonl", "\n".join(map(json.dumps, rows))))
    assert [m.role for m in loaded.prompts[0].messages] == ["system", "user", "assistant", "user"]
    assert loaded.prompts[0].text == "And now?"
    assert loaded.prompts[0].messages == loaded.prompts[1].messages
    assert any("1 conversations end in an answer" in n for n in loaded.notes)


def test_instruction_with_input(write: Write) -> None:
    rows = [{"instruction": "Translate.", "input": "Bonjour"}, {"instruction": "Go.", "input": ""}]
    loaded = load_file(write("a.json", json.dumps(rows)))
    assert [p.text for p in loaded.prompts] == ["Translate.\n\nBonjour", "Go."]
    assert any("1 prompts have their 'input'" in n for n in loaded.notes)


def test_equal_texts_are_kept_in_one_cluster(write: Write) -> None:
    rows = ["prompt,group", "How so?,x", "Other,y", "  how  SO ,y", "Third,z"]
    loaded = load_file(write("a.csv", "\n".join(rows)))
    assert len(loaded.prompts) == 4
    assert len({p.id for p in loaded.prompts}) == 4
    assert [p.cluster for p in loaded.prompts] == ["a/x", "a/x", "a/x", "a/z"]
    assert any(
        "1 prompts repeat the text" in n and "line 4 that of line 2" in n for n in loaded.notes
    )


def test_equal_texts_that_disagree_are_said(write: Write) -> None:
    loaded = load_file(write("a.csv", "prompt,label\nHow?,safe\nHow?,unsafe\n"))
    assert any("expect refusal in one place and help in the other" in n for n in loaded.notes)


def test_ids_from_content_do_not_depend_on_place(write: Write) -> None:
    one = load_file(write("a.csv", "prompt\nfirst\nsecond\n"))
    two = load_file(write("x/a.csv", "prompt\nsecond\nfirst\n"))
    assert {p.id for p in one.prompts} == {p.id for p in two.prompts}
    again = load_file(write("b.csv", "prompt\nfirst\nfirst\n"))
    assert again.prompts[1].id == again.prompts[0].id + "-2"


def test_a_list_of_categories_gives_its_first(write: Write) -> None:
    rows = [{"prompt": "x", "categories": ["fraud", "crime"]}, {"prompt": "y", "categories": []}]
    loaded = load_file(write("a.json", json.dumps(rows)))
    assert [p.category for p in loaded.prompts] == ["fraud", "a"]


def test_a_category_column_that_is_none_is_said(write: Write) -> None:
    rows = "\n".join(f"prompt {i},topic {i}" for i in range(50))
    loaded = load_file(write("a.csv", "prompt,topic\n" + rows))
    assert any("50 categories for 50 prompts" in n for n in loaded.notes)


@pytest.mark.parametrize(
    ("name", "suite"),
    [("my prompts (v2).csv", "my-prompts-v2"), ("(!).csv", "file"), ("ä.csv", "ä")],
)
def test_suite_names_come_from_the_file(write: Write, name: str, suite: str) -> None:
    assert load_file(write(name, "prompt\nx\n")).suite == suite
