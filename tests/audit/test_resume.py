"""Killing a check loses at most the batch in flight; the same command ends in the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backslide.audit.check import check, collect
from backslide.audit.progress import Silent
from backslide.audit.settings import Settings
from backslide.core.errors import StoreError
from backslide.core.records import Failure
from tests.audit import scripts

FILES = ("prompts", "responses", "verdicts", "comparisons")
KILLS = 20


def command(run: Path) -> list[str]:
    return [sys.executable, "-m", "tests.audit.scripts", str(run), "aligned", "minus10"]


def environment(seconds: float) -> dict[str, str]:
    return {**os.environ, "SLOW": str(seconds), "SOURCE_DATE_EPOCH": "1767225600"}


def bytes_of(run: Path) -> dict[str, bytes]:
    files = [run / f"{name}.jsonl" for name in FILES] + [
        run / "decision.json",
        run / "manifest.json",
    ]
    return {f.name: f.read_bytes() for f in files}


def test_twenty_kills_end_in_the_same_bytes(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    subprocess.run(command(whole), env=environment(0), check=True, capture_output=True)
    rng = random.Random(3)
    killed = tmp_path / "killed"
    landed = 0
    kept = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(killed),
            env=environment(0.05),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_start(process, killed, kept)
        time.sleep(rng.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        landed += process.wait() == -signal.SIGKILL
        now = lines(killed)
        assert now >= kept - 16, "more than the batch in flight was lost"
        kept = now
    assert landed >= KILLS // 2, "the kills came too late to test anything"
    subprocess.run(command(killed), env=environment(0), check=True, capture_output=True)
    assert bytes_of(killed) == bytes_of(whole)


def wait_for_start(process: subprocess.Popen, run: Path, kept: int) -> None:
    """Until it writes, so that kills land in the work and not in the imports."""
    deadline = time.monotonic() + 20
    while process.poll() is None and lines(run) <= kept and time.monotonic() < deadline:
        time.sleep(0.01)


def lines(run: Path) -> int:
    file = run / "responses.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def settings(tmp_path: Path, **more) -> Settings:
    given = {"base": "replay:aligned", "tuned": "replay:minus10", "plan": "quick", "reuse": False}
    return Settings(**{**given, "run": tmp_path / "run", **more})


@pytest.mark.parametrize("cut", [1, 50, 4000, 70000])
def test_torn_tails_are_made_again(tmp_path: Path, cut: int) -> None:
    check(settings(tmp_path))
    run = tmp_path / "run"
    before = bytes_of(run)
    file = run / "responses.jsonl"
    file.write_bytes(file.read_bytes()[:-cut])
    check(settings(tmp_path))
    assert (run / "responses.jsonl").read_bytes() == before["responses.jsonl"]
    assert (run / "comparisons.jsonl").read_bytes() == before["comparisons.jsonl"]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    check(settings(tmp_path))
    file = tmp_path / "run" / "responses.jsonl"
    parts = file.read_bytes().split(b"\n")
    parts[6] = parts[6][:40]
    file.write_bytes(b"\n".join(parts))
    with pytest.raises(StoreError, match=r"line 7 is damaged"):
        check(settings(tmp_path))


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    check(settings(tmp_path))
    with pytest.raises(StoreError, match="holds another run") as e:
        check(settings(tmp_path, seed=5))
    assert "seed" in (e.value.cause or "")


def test_a_changed_model_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(settings(tmp_path))
    monkeypatch.setitem(scripts.ANSWERS, "minus10", scripts.ANSWERS["minus60"])
    real = scripts.open_scripted

    def other(name: str):
        target = real(name)
        if name == "minus10":
            target._fingerprint = {"name": "minus10-retrained"}
        return target

    monkeypatch.setattr(scripts, "open_scripted", other)
    with pytest.raises(StoreError, match="has changed since this run began"):
        check(settings(tmp_path))


def test_a_finished_run_asks_nothing_again(tmp_path: Path) -> None:
    check(settings(tmp_path))
    before = bytes_of(tmp_path / "run")
    check(settings(tmp_path))
    assert bytes_of(tmp_path / "run") == before


def test_retry_errors_asks_only_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = scripts.ANSWERS["aligned"]()

    def flaky(request):
        if request.prompt.id.endswith("3"):
            return Failure(kind="timeout", message="no answer")
        return good(request)

    monkeypatch.setitem(scripts.ANSWERS, "minus10", lambda: flaky)
    run = collect(settings(tmp_path), Silent())
    records = run.responses().records
    failed = {r.key for r in records if r.failure}
    assert failed
    monkeypatch.setitem(scripts.ANSWERS, "minus10", scripts.ANSWERS["aligned"])
    audit = check(settings(tmp_path, retry_errors=True))
    after = run.responses().records
    assert after[: len(records)] == records, "a record changed"
    assert {r.key for r in after[len(records) :]} == failed
    judged = next(c for c in audit.comparisons if c.check == "judged")
    assert judged.tuned.value == 1.0


def test_two_processes_do_not_share_a_run(tmp_path: Path) -> None:
    from backslide.store.run import Run

    first = Run(tmp_path / "run")
    first.lock()
    try:
        with pytest.raises(StoreError, match="in use"):
            Run(tmp_path / "run").lock()
    finally:
        first.unlock()
