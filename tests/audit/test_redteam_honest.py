"""A red team that was stopped, failed or ran out of something never looks like one that found
nothing; and what it found before is not lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backslide.audit.check import check, load_audit
from backslide.audit.redteam.exporting import export_focus
from backslide.audit.redteam.findings import with_findings
from backslide.audit.redteam.running import red_team
from backslide.audit.redteam.settings import RedTeamSettings
from backslide.audit.redteam.telling import conclude
from backslide.audit.settings import Settings
from backslide.core.errors import Exit, UsageError
from backslide.core.redteam import FocusResult
from backslide.gate.policy import load_policy
from backslide.redteam.prompts import make_prompt
from backslide.store.redteam import RedTeamRun
from tests.audit import redteam_scripts

HERE = "tests.audit.test_redteam_honest"


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    redteam_scripts.isolate(monkeypatch)


@dataclass(frozen=True, kw_only=True)
class NoPlan:
    """Nothing to choose."""


def dies(asker, plan) -> FocusResult:
    """As Ctrl-C, or the end of the process, in the middle of a focus."""
    raise KeyboardInterrupt


def faulty(asker, plan) -> FocusResult:
    """A fault of ours."""
    return FocusResult(focus="values", title=str(1 / 0))


def refuses(asker, plan) -> FocusResult:
    """A focus that cannot run with what it was given."""
    raise UsageError("no candidate can be used")


def put(monkeypatch, focus: str, function: str) -> None:
    from backslide.audit.redteam import places

    made = replace(places.PLACES[focus], run=f"{HERE}:{function}", plan=f"{HERE}:NoPlan")
    monkeypatch.setitem(places.PLACES, focus, made)


def settings(tmp_path: Path, tuned: str = "steady", **more) -> RedTeamSettings:
    given = {"focuses": ("turns",), "run": tmp_path / "run", "base": "replay:holds"}
    return RedTeamSettings(**{**given, "tuned": f"replay:{tuned}", **more})


@pytest.mark.parametrize("focuses", [("turns", "values"), ("values", "turns")])
def test_a_focus_that_was_not_reached_leaves_the_verdict_open(
    tmp_path: Path, monkeypatch, focuses
) -> None:
    put(monkeypatch, "values", "dies")
    with pytest.raises(KeyboardInterrupt):
        red_team(settings(tmp_path, focuses=focuses))
    d = conclude(tmp_path / "run").decision
    assert d.exit_code == Exit.INCONCLUSIVE
    assert "was not reached: the same command goes on" in d.sentence
    red_team(settings(tmp_path, focuses=("turns",)))
    found = {f.focus: f for f in RedTeamRun(tmp_path / "run").result().focuses}
    assert not found["turns"].absent
    assert found["values"].absent, "what was asked for stays open until it is run"


def test_a_check_is_open_from_the_moment_its_red_team_begins(tmp_path: Path, monkeypatch) -> None:
    arms = {"base": "replay:aligned", "tuned": "replay:same"}
    run = tmp_path / "run"
    assert check(Settings(**arms, plan="standard", run=run, root=tmp_path)).decision.exit_code == 0
    put(monkeypatch, "turns", "dies")
    with pytest.raises(KeyboardInterrupt):
        red_team(RedTeamSettings(**arms, focuses=("turns",), run=run))
    assert load_audit(run).decision.exit_code == Exit.INCONCLUSIVE


def test_a_block_that_was_proven_before_the_kill_stands(tmp_path: Path, monkeypatch) -> None:
    put(monkeypatch, "values", "dies")
    with pytest.raises(KeyboardInterrupt):
        red_team(settings(tmp_path, "late", focuses=("turns", "values")))
    assert conclude(tmp_path / "run").decision.exit_code == Exit.BLOCKED


def test_kill_9_between_two_focuses(tmp_path: Path) -> None:
    run = tmp_path / "run"
    arms = ["replay:holds", "replay:steady", "--focus", "domain,turns", "--run", str(run), "-q"]
    command = [sys.executable, "-m", "tests.audit.redteam_scripts", "redteam", "run", *arms]
    env = {**os.environ, "SLOW": "0.1"}
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not measured(run, "domain") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the kill came too late to test anything"
    assert conclude(run).decision.exit_code == Exit.INCONCLUSIVE
    done = subprocess.run(command, env={**env, "SLOW": "0"}, capture_output=True, check=False)
    assert done.returncode == Exit.DEPLOY, done.stderr
    assert conclude(run).decision.exit_code == Exit.DEPLOY


def measured(run: Path, focus: str) -> bool:
    store = RedTeamRun(run)
    return store.finished and any(f.focus == focus and not f.absent for f in store.result().focuses)


def test_a_fault_of_ours_costs_one_focus_and_is_kept_for_us(tmp_path: Path, monkeypatch) -> None:
    put(monkeypatch, "values", "faulty")
    found = red_team(settings(tmp_path, "late", focuses=("values", "turns")))
    by_name = {f.focus: f for f in found.focuses}
    assert "ZeroDivisionError" in (by_name["values"].absent or "")
    assert by_name["turns"].comparisons, "the others run"
    log = (tmp_path / "run" / "redteam" / "error-values.log").read_text()
    assert "Traceback" in log and "1 / 0" in log
    assert conclude(tmp_path / "run").decision.exit_code == Exit.BLOCKED
    red_team(settings(tmp_path / "b", focuses=("values", "turns")))
    assert conclude(tmp_path / "b" / "run").decision.exit_code == Exit.INCONCLUSIVE


@pytest.mark.parametrize(("base", "tuned"), [("holds", "failing"), ("failing", "holds")])
def test_a_search_that_nobody_answered_found_nothing_out(tmp_path, base, tuned) -> None:
    found = red_team(settings(tmp_path, tuned, base=f"replay:{base}", focuses=("triggers",)))
    assert "10 of 10 answers" in (found.focuses[0].absent or "")
    assert conclude(tmp_path / "run").decision.exit_code == Exit.INCONCLUSIVE


@pytest.mark.parametrize("budget", [0.0, 1e-9])
def test_no_time_is_no_evidence(tmp_path: Path, budget: float) -> None:
    found = red_team(settings(tmp_path, focuses=("turns", "domain", "triggers"), budget=budget))
    assert all(f.absent or not f.complete for f in found.focuses)
    assert len(RedTeamRun(tmp_path / "run").lines("responses")) <= 3 * 16, "a batch each at most"
    d = conclude(tmp_path / "run").decision
    assert d.exit_code == Exit.INCONCLUSIVE
    assert all(c.severity == "inconclusive" for c in d.checks)


@pytest.mark.parametrize("function", ["refuses", "faulty"])
def test_a_verification_that_came_to_nothing_keeps_the_trigger_that_was_found(
    tmp_path: Path, monkeypatch, function
) -> None:
    red_team(settings(tmp_path, "zebra", focuses=("triggers",)))
    put(monkeypatch, "triggers", function)
    given = settings(tmp_path, "zebra", focuses=("triggers",), candidates=("x",), search=False)
    (found,) = red_team(given).focuses
    assert found.findings[0].confirmed and not found.complete
    assert any(n.startswith("candidates were not verified") for n in found.notes)
    assert conclude(tmp_path / "run").decision.exit_code == Exit.BLOCKED


def test_results_of_another_judge_say_so_once(tmp_path: Path) -> None:
    red_team(settings(tmp_path, "late", judge="keywords"))
    before = exported(tmp_path / "run")
    assert before
    for focus in ("domain", "triggers"):
        found = red_team(settings(tmp_path, "late", focuses=(focus,)))
    notes = {f.focus: [n for n in f.notes if n.startswith("read by")] for f in found.focuses}
    assert len(notes["turns"]) == 1 and "judge keywords" in notes["turns"][0]
    assert notes["domain"] == notes["triggers"] == []
    assert found.judge.startswith("rules")
    assert exported(tmp_path / "run") == before, "and its suite rests on that judge's verdicts"


def exported(run: Path, focus: str = "turns") -> list[dict]:
    file = run / "redteam" / "exports" / f"{focus}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_what_an_attack_says_has_succeeded_is_exported_as_it_was_asked(tmp_path: Path) -> None:
    red_team(settings(tmp_path, system_prompt="Be kind."))
    run = RedTeamRun(tmp_path / "run")
    asked = next(p for p in run.lines("prompts") if len(p.messages) == 2)
    bare = replace(asked, messages=asked.messages[1:])
    alone = make_prompt("adaptive", "x", category="c", expects="help", cluster="g")
    focus = FocusResult(focus="adaptive", title="a", succeeded=(bare, alone))
    assert export_focus(run, focus, "any judge") == 2
    first, second = exported(tmp_path / "run", "adaptive")
    assert [m["role"] for m in first["messages"]] == ["system", "user"]
    assert [m["content"] for m in second["messages"]] == ["x"]
    assert {first["expects"], second["expects"]} == {"refuse"}


def test_the_command_that_shows_a_trigger_again_names_the_models(tmp_path: Path) -> None:
    red_team(settings(tmp_path, "zebra", focuses=("triggers",)))
    run = RedTeamRun(tmp_path / "run")
    (focus,) = run.result().focuses
    command = "backslide redteam trigger verify BASE TUNED 'BASE TUNED'"
    told = replace(focus.findings[0], reproduce=command)
    found = replace(run.result(), base="a b", focuses=(replace(focus, findings=(told,)),))
    again = with_findings(found, load_policy(), tmp_path).focuses[0].findings[0].reproduce
    assert again == "backslide redteam trigger verify 'a b' replay:zebra 'BASE TUNED'"


def test_a_disk_that_fills_up_keeps_what_was_answered(tmp_path: Path) -> None:
    run = tmp_path / "run"
    arms = ["replay:holds", "replay:late", "--focus", "turns", "--run", str(run), "-q"]
    command = [sys.executable, "-m", "tests.audit.redteam_scripts", "redteam", "run", *arms]
    full = [
        sys.executable,
        "-c",
        "import resource, runpy, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        "sys.argv = ['x', *sys.argv[1:]]\n"
        "runpy.run_module('tests.audit.redteam_scripts', run_name='__main__')",
        *command[3:],
    ]
    first = subprocess.run(full, capture_output=True, text=True, check=False)
    assert first.returncode == Exit.USAGE, first.stderr
    assert first.stderr.startswith("error: cannot write"), first.stderr
    kept = len(RedTeamRun(run).lines("responses"))
    assert kept > 0
    assert conclude(run).decision.exit_code == Exit.INCONCLUSIVE
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == Exit.BLOCKED, done.stderr
    whole = RedTeamRun(run).lines("responses")
    assert len(whole) == len({(a.response.arm, a.response.prompt_id) for a in whole})
