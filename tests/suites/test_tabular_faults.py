"""Every broken file ends in a SuiteError that says what and where; nothing else ever comes out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backslide.core.errors import SuiteError
from backslide.suites.prompts import fingerprint
from backslide.suites.tabular import load_file

Write = Callable[[str, str | bytes], Path]

FAULTS: dict[str, tuple[str, str | bytes, tuple[str, ...]]] = {
    "empty": ("a.csv", "", ("is empty",)),
    "only a mark": ("a.csv", b"\xef\xbb\xbf\n", ("is empty",)),
    "header only": ("a.csv", "prompt,category\n", ("has no rows",)),
    "empty array": ("a.json", "[]", ("has no rows",)),
    "no prompt column": ("a.csv", "foo,bar\n1,2\n", ("no column", "foo, bar", "'prompt'")),
    "no extension": ("prompts", "x", ("extension", ".jsonl")),
    "other extension": ("a.xlsx", "x", ("extension", ".xlsx")),
    "zip": ("a.csv", b"PK\x03\x04rest", ("not a text file", "Excel")),
    "parquet": ("a.json", b"PAR1....", ("not a text file", "Parquet")),
    "utf-16": ("a.csv", "prompt\nx\n".encode("utf-16"), ("not a text file", "UTF-16")),
    "nul bytes": ("a.csv", b"prompt\nx\0y\n", ("binary", "offset 8", "line 2")),
    "nul in json": ("a.json", '[{"prompt": "a\\u0000b"}]', ("item 1", "NUL")),
    "latin-1": ("a.csv", b"prompt\ncaf\xe9\n", ("not UTF-8", "0xe9", "offset 10", "line 2")),
    "torn line": ("a.jsonl", '{"prompt": "x"}\n{"prom', ("line 2", "cut off")),
    "bad line": ("a.jsonl", '{"prompt": "x"}\n{oops}\n{"prompt": "y"}\n', ("line 2", "not JSON")),
    "array in jsonl": ("a.jsonl", '[\n{"prompt": "x"}\n]\n', ("line 1", ".json file")),
    "lines in json": ("a.json", '{"prompt": "x"}\n{"prompt": "y"}\n', ("not JSON", ".jsonl")),
    "object": ("a.json", '{"data": [{"prompt": "x"}]}', ("an object", "data", "'data'")),
    "number": ("a.json", "3", ("holds a number",)),
    "too deep": ("a.json", "[" * 100_000, ("not JSON",)),
    "item is a number": ("a.json", '[{"prompt": "x"}, 3]', ("item 2", "a number")),
    "prompt is a number": ("a.jsonl", '{"prompt": 3}\n', ("line 1", "'prompt' is a number")),
    "prompt is null": ("a.jsonl", '{"prompt": null}\n', ("line 1", "no 'prompt'")),
    "prompt is missing": ("a.jsonl", '{"prompt": "x"}\n{"id": 2}\n', ("line 2", "no 'prompt'")),
    "prompt is blank": ("a.csv", "id,prompt\n1,\n", ("line 2", "empty")),
    "id is an object": ("a.jsonl", '{"prompt": "x", "id": {}}\n', ("line 1", "'id'", "an object")),
    "category is a flag": ("a.jsonl", '{"prompt": "x", "topic": true}', ("'topic'", "true")),
    "unknown label": ("a.csv", "prompt,label\nx,toxic\n", ("line 2", "'label'", "toxic", "refuse")),
    "missing label": ("a.jsonl", '{"prompt": "x", "label": null}', ("line 1", "'label'", "None")),
    "ragged": ("a.csv", "prompt,id\nx,1\ny,2,3\n", ("line 3", "3 fields", "has 2")),
    "short": ("a.csv", "prompt,id\nx\n", ("line 2", "1 fields")),
    "open quote": ("a.csv", 'prompt\n"never closed\n', ("not CSV", "line 2")),
    "two columns": ("a.csv", "prompt,prompt\nx,y\n", ("two columns", "'prompt'")),
    "bad turn": ("a.json", '[{"messages": [{"role": "bot", "content": "x"}]}]', ("item 1", "turn")),
    "bad turns": ("a.json", '[{"messages": ["x"]}]', ("item 1", "turn", "role")),
    "no user": (
        "a.json",
        '[{"messages": [{"role": "system", "content": "x"}]}]',
        ("no user turn",),
    ),
    "no turns": ("a.json", '[{"messages": []}]', ("item 1", "no 'messages'")),
    "huge number": ("a.json", '[{"prompt": "x", "id": ' + "9" * 5000 + "}]", ()),
    "lone surrogate": ("a.json", '[{"prompt": "\\ud800"}]', ("not JSON",)),
}


def _told(error: SuiteError) -> str:
    return " | ".join(filter(None, (error.message, error.cause, error.hint)))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_file_is_named_with_its_place(write: Write, fault: str) -> None:
    name, content, words = FAULTS[fault]
    with pytest.raises(SuiteError) as caught:
        load_file(write(name, content))
    told = _told(caught.value)
    assert "a." in told or "prompts" in told
    for word in words:
        assert word in told


def test_duplicate_ids_name_both_lines(write: Write) -> None:
    path = write("a.csv", "id,prompt\n7,x\n8,y\n7,z\n")
    with pytest.raises(SuiteError) as caught:
        load_file(path)
    assert "'7'" in caught.value.message
    assert caught.value.cause == "line 2 and line 4"


def test_line_numbers_count_lines_not_rows(write: Write) -> None:
    path = write("a.csv", 'prompt,id\n"two\nlines",1\n\nlast,2,3\n')
    with pytest.raises(SuiteError, match="line 5"):
        load_file(path)


def test_a_missing_file_suggests_its_neighbour(write: Write) -> None:
    path = write("prompts.csv", "prompt\nx\n")
    with pytest.raises(SuiteError) as caught:
        load_file(path.with_name("prompt.csv"))
    assert str(path) in (caught.value.hint or "")
    with pytest.raises(SuiteError) as caught:
        load_file(path.parent / "nowhere" / "prompt.csv")
    assert "no folder" in (caught.value.hint or "")


def test_a_folder_is_not_a_file(write: Write) -> None:
    path = write("folder/prompts.csv", "prompt\nx\n")
    with pytest.raises(SuiteError) as caught:
        load_file(path.parent)
    assert "is a folder" in caught.value.message
    assert str(path) in (caught.value.hint or "")


def _survives(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            loaded = load_file(path)
        except SuiteError as e:
            assert e.message
            return
        assert loaded.prompts
        assert len({p.id for p in loaded.prompts}) == len(loaded.prompts)
        assert all(p.text.strip() and p.category and p.cluster for p in loaded.prompts)
        assert len(fingerprint(loaded.prompts)) == 64


FORMS = st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.tsv", "a.ndjson", "a"])
FEW = settings(max_examples=100, deadline=None)


@FEW
@given(FORMS, st.binary(max_size=200))
def test_any_bytes(name: str, content: bytes) -> None:
    _survives(name, content)


@FEW
@given(FORMS, st.text(alphabet='prompt,id"\n\r\t{}[]: ;\\u00d8null1\ufeff', max_size=120))
def test_nearly_readable_text(name: str, content: str) -> None:
    _survives(name, content.encode())


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["prompt", "messages", "instruction", "input", "id", "category", "label", "cluster", "role"]
) | st.text(max_size=6)
ROWS = st.lists(st.dictionaries(KEYS, CELLS, max_size=5) | CELLS, max_size=5)


@FEW
@given(ROWS)
def test_any_json_rows(rows: list[object]) -> None:
    _survives("a.json", json.dumps(rows).encode())
    _survives("a.jsonl", "\n".join(map(json.dumps, rows)).encode())


TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": CELLS}
    ),
    max_size=4,
)


@FEW
@given(st.lists(st.fixed_dictionaries({"messages": TURNS, "label": CELLS}), max_size=4))
def test_any_conversations(rows: list[object]) -> None:
    _survives("a.json", json.dumps(rows).encode())
