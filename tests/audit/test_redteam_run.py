"""Whole red-team runs: kills, resuming, shared time, exports, and a check in the same place."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backslide.audit.check import check, load_audit
from backslide.audit.redteam.running import red_team
from backslide.audit.redteam.settings import RedTeamSettings, parse_budget
from backslide.audit.redteam.telling import conclude
from backslide.audit.settings import Settings
from backslide.core.errors import Exit, StoreError, UsageError
from backslide.store.redteam import RedTeamRun
from backslide.suites.load import load_suites
from tests.audit import redteam_scripts

FILES = ("prompts", "responses", "verdicts")


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    redteam_scripts.isolate(monkeypatch)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")


def settings(tmp_path: Path, tuned: str = "late", **more) -> RedTeamSettings:
    given = {"focuses": ("turns",), "run": tmp_path / "run", "base": "replay:holds"}
    return RedTeamSettings(**{**given, "tuned": f"replay:{tuned}", **more})


@pytest.mark.parametrize(
    ("tuned", "focuses", "outcome", "code"),
    [
        ("steady", ("turns",), "nothing_found", Exit.DEPLOY),
        ("steady", ("turns", "domain", "triggers"), "nothing_found", Exit.DEPLOY),
        ("late", ("turns",), "block", Exit.BLOCKED),
        ("late", ("domain",), "nothing_found", Exit.DEPLOY),
        ("some", ("domain",), "human_review", Exit.AWAITING_PEOPLE),
        ("yields", ("domain",), "block", Exit.BLOCKED),
        ("zebra", ("triggers",), "block", Exit.BLOCKED),
        ("steady", ("values",), "inconclusive", Exit.INCONCLUSIVE),
        ("late", ("turns", "values"), "block", Exit.BLOCKED),
        ("some", ("domain", "values"), "inconclusive", Exit.INCONCLUSIVE),
        ("steady", ("capability",), "inconclusive", Exit.INCONCLUSIVE),
        ("failing", ("turns",), "inconclusive", Exit.INCONCLUSIVE),
    ],
)
def test_the_verdict_of_a_known_difference(tmp_path, tuned, focuses, outcome, code) -> None:
    red_team(settings(tmp_path, tuned, focuses=focuses))
    d = conclude(tmp_path / "run").decision
    assert (d.outcome, d.exit_code) == (outcome, code), d.sentence
    assert d.expires is None


def test_nothing_found_is_no_approval(tmp_path: Path) -> None:
    red_team(settings(tmp_path, "steady"))
    said = conclude(tmp_path / "run").decision.sentence
    assert said.startswith("RED TEAM: nothing found at this budget")
    assert "no approval: backslide check decides" in said


def test_a_focus_that_cannot_run_costs_only_itself(tmp_path: Path) -> None:
    found = red_team(settings(tmp_path, "late", focuses=("values", "turns")))
    by_name = {f.focus: f for f in found.focuses}
    assert by_name["values"].absent == "the values focus cannot run; wait for it"
    assert by_name["turns"].comparisons[0].p_adjusted < 0.001


def test_flagged_comparisons_become_confirmed_findings(tmp_path: Path) -> None:
    found = red_team(settings(tmp_path))
    (finding,) = found.focuses[0].findings
    assert finding.confirmed and finding.harmful
    assert finding.check == "redteam.turns.any"


def test_what_succeeded_is_a_suite_that_asks_it_again(tmp_path: Path) -> None:
    red_team(settings(tmp_path))
    file = tmp_path / "run" / "redteam" / "exports" / "turns.jsonl"
    suites = load_suites([str(file)])
    assert len(suites.prompts) == 54
    assert all(p.expects == "refuse" and len(p.messages) == 3 for p in suites.prompts)
    audit = check(
        Settings(
            base="replay:holds",
            tuned="replay:late",
            suites=(str(file),),
            plan="quick",
            noise=0,
            repeats=0,
            root=tmp_path / "runs",
        )
    )
    assert audit.decision.exit_code == Exit.BLOCKED


def test_nothing_is_exported_when_nothing_was_found(tmp_path: Path) -> None:
    red_team(settings(tmp_path, "steady", focuses=("turns", "domain", "triggers")))
    assert not list((tmp_path / "run" / "redteam").glob("exports/*"))


def test_time_left_over_flows_on_and_the_end_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SLOW", "0.03")
    found = red_team(settings(tmp_path, "steady", focuses=("turns", "domain"), budget=0.2))
    by_name = {f.focus: f for f in found.focuses}
    assert not by_name["turns"].complete
    assert by_name["domain"].absent and "is spent" in by_name["domain"].absent
    assert conclude(tmp_path / "run").decision.exit_code == Exit.INCONCLUSIVE
    monkeypatch.setenv("SLOW", "0")
    again = red_team(settings(tmp_path, "steady", focuses=("turns", "domain"), budget=60))
    assert all(f.complete and not f.absent for f in again.focuses)
    assert conclude(tmp_path / "run").decision.exit_code == Exit.DEPLOY


def test_focuses_of_several_commands_are_kept_together(tmp_path: Path) -> None:
    red_team(settings(tmp_path, focuses=("turns",)))
    found = red_team(settings(tmp_path, focuses=("domain",)))
    assert [f.focus for f in found.focuses] == ["domain", "turns"]
    adjusted = [c.p_adjusted for f in found.focuses for c in f.comparisons]
    alone = [c.p_worse for f in found.focuses for c in f.comparisons]
    assert adjusted[1] == pytest.approx(2 * alone[1]), "one family over both commands"


def test_other_models_do_not_share_a_place(tmp_path: Path) -> None:
    red_team(settings(tmp_path))
    with pytest.raises(StoreError, match="holds another run"):
        red_team(settings(tmp_path, "steady"))
    with pytest.raises(StoreError, match="holds another run"):
        red_team(settings(tmp_path, seed=9))


def test_a_red_team_beside_a_check_enters_its_verdict(tmp_path: Path) -> None:
    arms = {"base": "replay:aligned", "tuned": "replay:same"}
    run = tmp_path / "run"
    first = check(Settings(**arms, plan="standard", run=run, root=tmp_path))
    assert first.decision.outcome == "deploy"
    red_team(RedTeamSettings(**arms, focuses=("values",), run=run))
    audit = conclude(run)
    assert audit.decision.outcome == "inconclusive"
    assert any(c.check.startswith("redteam.values") for c in audit.decision.checks)
    assert load_audit(run) == audit
    again = check(Settings(**arms, plan="standard", run=run, root=tmp_path))
    assert again.decision == audit.decision
    assert again.redteam == audit.redteam


def test_a_red_team_of_other_models_does_not_go_into_a_check(tmp_path: Path) -> None:
    run = tmp_path / "run"
    check(
        Settings(base="replay:aligned", tuned="replay:same", plan="quick", run=run, root=tmp_path)
    )
    with pytest.raises(StoreError, match="is a check of another"):
        red_team(settings(tmp_path))


def command(run: Path) -> list[str]:
    arms = ["replay:holds", "replay:late", "--focus", "turns,domain", "--run", str(run), "-q"]
    return [sys.executable, "-m", "tests.audit.redteam_scripts", "redteam", "run", *arms]


def environment(seconds: float) -> dict[str, str]:
    return {**os.environ, "SLOW": str(seconds), "SOURCE_DATE_EPOCH": "1767225600"}


def lines(run: Path) -> int:
    file = run / "redteam" / "responses.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def test_kills_end_in_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = subprocess.run(
        command(whole), env=environment(0), capture_output=True, text=True, check=False
    )
    assert done.returncode == Exit.BLOCKED, done.stderr
    rng = random.Random(5)
    landed = kept = 0
    for _ in range(6):
        process = subprocess.Popen(
            command(killed),
            env=environment(0.1),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while process.poll() is None and lines(killed) <= kept and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        landed += process.wait() == -signal.SIGKILL
        assert lines(killed) >= kept - 16
        kept = lines(killed)
    assert landed >= 3, "the kills came too late to test anything"
    last = subprocess.run(
        command(killed), env=environment(0), capture_output=True, text=True, check=False
    )
    assert last.returncode == Exit.BLOCKED, last.stderr
    for name in FILES:
        one = (whole / "redteam" / f"{name}.jsonl").read_bytes()
        assert (killed / "redteam" / f"{name}.jsonl").read_bytes() == one, name


def interruptible() -> None:
    """A shell's background job ignores SIGINT, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_what_was_answered(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        command(run),
        env=environment(0.2),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,  # noqa: PLW1509
    )
    deadline = time.monotonic() + 60
    while lines(run) == 0 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED
    assert "the same command goes on" in err
    assert RedTeamRun(run).lines("responses")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("90s", 90), ("2h", 7200), ("45", 45), ("0.5h", 1800), ("none", None)],
)
def test_budgets(text: str, seconds: float | None) -> None:
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-3m", "soon", "3d", "nan", "1e9m m"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(UsageError, match="not a budget"):
        parse_budget(text)
