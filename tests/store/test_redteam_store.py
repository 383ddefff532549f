"""The directory of a red-team run: locks, other models, damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backslide.core.errors import OutputError, StoreError
from backslide.core.records import Prompt, Response
from backslide.core.redteam import Mark
from backslide.redteam.prompts import make_prompt
from backslide.store.redteam import RedTeamRun
from backslide.store.redteam_records import Answer, Place, RedTeamManifest

PRINTS = {"base": {"weights": "1"}, "tuned": {"weights": "2"}}


def manifest(**more) -> RedTeamManifest:
    values = {
        "schema": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "base": "b",
        "tuned": "t",
        "seed": 0,
        "dtype": "fp32",
        "system_prompt": None,
        "versions": {},
        "fingerprints": PRINTS,
        "judge": "rules 1",
    }
    return RedTeamManifest(**{**values, **more})


def answers(n: int, batch: int = 0, size: int | None = None) -> list[Answer]:
    place = Place(batch=batch, size=n if size is None else size)
    return [Answer(place=place, sampling="8/0.0/1.0", response=response(i)) for i in range(n)]


def response(i: int) -> Response:
    return Response(
        prompt_id=f"p{i}",
        arm="base",
        repeat=0,
        seed=i,
        text="x\n\u2028y",
        failure=None,
        prompt_tokens=1,
        tokens=2,
        finish="stop",
    )


@pytest.fixture
def run(tmp_path: Path) -> RedTeamRun:
    made = RedTeamRun(tmp_path / "run")
    made.lock()
    yield made
    made.unlock()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"base": "c"}, "holds another run"),
        ({"tuned": "c"}, "holds another run"),
        ({"seed": 1}, "holds another run"),
        ({"dtype": "bf16"}, "holds another run"),
        ({"system_prompt": "x"}, "holds another run"),
        ({"fingerprints": {**PRINTS, "tuned": {"weights": "3"}}}, "has changed since"),
    ],
)
def test_another_run_or_a_changed_model_is_refused(run: RedTeamRun, changed, says) -> None:
    run.begin(manifest())
    before = (run.directory / "manifest.json").read_bytes()
    with pytest.raises(StoreError, match=says):
        run.begin(manifest(**changed))
    assert (run.directory / "manifest.json").read_bytes() == before


def test_what_may_grow_grows(run: RedTeamRun) -> None:
    run.begin(manifest(focuses={"turns": "a"}))
    more = manifest(
        created="2027-01-01T00:00:00+00:00",
        judge="embedded 2",
        attacker="openai/x",
        fingerprints={**PRINTS, "openai/x": {"kind": "remote"}},
        focuses={"values": "b"},
    )
    found = run.begin(more)
    assert found.created == "2026-01-01T00:00:00+00:00"
    assert set(found.focuses) == {"turns", "values"}
    with pytest.raises(StoreError, match="has changed since"):
        run.begin(replace(more, fingerprints={**PRINTS, "openai/x": {"kind": "other"}}))


def test_a_batch_that_lacks_lines_does_not_count(run: RedTeamRun) -> None:
    run.add("responses", answers(3))
    run.add("responses", answers(2, batch=1, size=4))
    assert len(run.lines("responses")) == 3
    run.repair()
    assert len((run.directory / "responses.jsonl").read_bytes().splitlines()) == 3


def test_repair_cuts_torn_lines_of_every_file(run: RedTeamRun) -> None:
    run.add("responses", answers(3))
    run.add("marks", [mark()])
    run.add("prompts", [prompt()])
    whole = {f.name: f.read_bytes() for f in run.directory.glob("*.jsonl")}
    for name in whole:
        with (run.directory / name).open("ab") as f:
            f.write(b'{"half":')
    run.repair()
    assert {f.name: f.read_bytes() for f in run.directory.glob("*.jsonl")} == whole


def mark() -> Mark:
    return Mark(
        arm="tuned",
        prompt_id="p",
        rater="ann",
        finding=True,
        harmful=True,
        note="\u202e",
        active_seconds=1.0,
    )


def prompt() -> Prompt:
    return make_prompt("turns", "hello", category="c", expects="help", cluster="c")


def test_two_processes_do_not_share_it(run: RedTeamRun) -> None:
    with pytest.raises(StoreError, match="in use"):
        RedTeamRun(run.directory.parent).lock()


def test_a_damaged_result_is_named(run: RedTeamRun) -> None:
    (run.directory / "result.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        run.result()


def test_no_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no result.json") as e:
        RedTeamRun(tmp_path).result()
    assert "run the same" in (e.value.hint or "")


def test_a_place_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        RedTeamRun(tmp_path / "run").lock()


def test_an_export_without_rows_is_no_file(run: RedTeamRun) -> None:
    path = run.export("turns", [{"id": "a", "messages": []}])
    assert path is not None and path.exists()
    assert run.export("turns", []) is None
    assert not path.exists()
