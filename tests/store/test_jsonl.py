from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backslide.core.errors import StoreError
from backslide.store.jsonl import append_lines, read_lines, truncate, write_atomic


@dataclass(frozen=True)
class Row:
    name: str
    value: int


def test_round_trip_and_offsets(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_lines(path, [Row("a", 1)])
    append_lines(path, [Row("b\n\u2028", 2), Row("", 3)])
    lines = read_lines(path, Row)
    assert lines.records == [Row("a", 1), Row("b\n\u2028", 2), Row("", 3)]
    assert lines.ends[-1] == path.stat().st_size and not lines.torn


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=6), st.integers(1, 60))
def test_any_cut_leaves_whole_lines(tmp_path: Path, names: list[str], cut: int) -> None:
    path = tmp_path / "rows.jsonl"
    path.unlink(missing_ok=True)
    names = [n.encode("utf-8", "replace").decode() for n in names]
    rows = [Row(n, i) for i, n in enumerate(names)]
    append_lines(path, rows)
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - cut)])
    lines = read_lines(path, Row)
    assert lines.records == rows[: len(lines.records)]
    truncate(path, lines.ends[-1] if lines.ends else 0)
    append_lines(path, rows[len(lines.records) :])
    assert path.read_bytes() == data


@pytest.mark.parametrize("bad", [b"{", b'{"name": 3, "value": 1}', b"\xff\xfe", b"", b"null"])
def test_a_bad_middle_line_is_named(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"name":"a","value":1}\n' + bad + b'\n{"name":"b","value":2}\n')
    with pytest.raises(StoreError, match="line 2 is damaged"):
        read_lines(path, Row)


def test_absent_file_holds_nothing(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "none.jsonl", Row).records == []


def test_atomic_write_replaces_and_leaves_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_atomic(path, b"1")
    write_atomic(path, b"2")
    assert path.read_bytes() == b"2"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
