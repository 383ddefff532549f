"""The red-team commands: verdict, exit code and reports agree; bad input; interactive sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backslide.audit.redteam import places, plans
from backslide.cli.main import _run
from backslide.cli.redteam_settings import red_team_settings
from backslide.core.errors import UsageError
from backslide.store.redteam import RedTeamRun
from tests.audit import redteam_scripts
from tests.targets.loopback import Reply, serving

REAL = dict(places.PLACES)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    redteam_scripts.isolate(monkeypatch)
    monkeypatch.chdir(tmp_path)


def arms(tuned: str, *more: str) -> list[str]:
    return ["replay:holds", f"replay:{tuned}", "--run", "run", "-q", *more]


def fails(capsys, *argv: str, says: str) -> str:
    code = _run(list(argv))
    err = capsys.readouterr().err
    assert code == 2, err
    assert err.splitlines()[0].startswith("error:"), err
    assert "Traceback" not in err
    assert says.lower() in err.lower(), err
    return err


@pytest.mark.parametrize(
    ("argv", "code", "word"),
    [
        (["run", *arms("steady", "--focus", "turns,domain")], 0, "RED TEAM: nothing found"),
        (["turns", *arms("late")], 1, "BLOCK"),
        (["run", *arms("steady", "--focus", "values")], 3, "INCONCLUSIVE"),
        (["domain", *arms("some")], 4, "AWAITING HUMAN REVIEW"),
        (["triggers", *arms("zebra")], 1, "BLOCK"),
        (["trigger", "hunt", *arms("zebra")], 1, "BLOCK"),
    ],
)
def test_exit_code_last_line_and_reports_agree(capsys, argv, code, word) -> None:
    outputs = [x for name in ("r.json", "r.html", "r.md", "r.xml") for x in ("-o", name)]
    assert _run(["redteam", *argv, *outputs]) == code
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert last.startswith(word)
    result = json.loads(Path("r.json").read_text())
    assert result["decision"]["exit_code"] == code
    assert result["redteam"]["focuses"]
    for report in ("r.html", "r.md", "r.xml"):
        assert word.lower() in Path(report).read_text().lower(), report
    assert _run(["report", "run", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["decision"] == result["decision"]
    assert _run(["show", "run"]) == code


def test_a_default_run_says_that_the_domain_was_left_out(capsys) -> None:
    given = [a for a in arms("steady") if a != "-q"]
    assert _run(["redteam", "run", *given]) == 3  # values and capability cannot run here
    captured = capsys.readouterr()
    assert "domain: not probed: give --describe, --data or --probes" in captured.err
    assert "domain: not asked for (give --describe" in " ".join(captured.out.split())


def test_json_on_stdout_is_only_the_result(capsys) -> None:
    _run(["redteam", "turns", *arms("late", "--json")])
    assert json.loads(capsys.readouterr().out)["manifest"]["plan"] == "redteam"


def test_gate_report_and_show_include_the_red_team_of_a_check(capsys) -> None:
    both = ["replay:aligned", "replay:aligned", "--run", "run", "-q"]
    assert _run(["check", *both, "--plan", "standard"]) == 0
    assert _run(["redteam", "run", *both, "--focus", "values"]) == 3
    for argv in (["gate", "run"], ["report", "run", "-o", "r.html"], ["show", "run"]):
        assert _run(argv) == 3, argv
    assert "red team, values" in Path("r.html").read_text()


def test_dry_run_counts_and_opens_nothing(capsys) -> None:
    argv = ["redteam", "run", "replay:nowhere", "replay:nowhere", "--focus", "turns,values"]
    assert _run([*argv, "--dry-run", "--json"]) == 0
    rows = {r["focus"]: r for r in json.loads(capsys.readouterr().out)["focuses"]}
    assert rows["turns"]["calls_base"] == rows["turns"]["calls_tuned"] == 180
    assert rows["turns"]["tokens_at_most"] == 360 * 32
    assert "cannot run" in rows["values"]["absent"]
    assert _run([*argv, "--dry-run"]) == 0
    assert "base 180, tuned 180" in capsys.readouterr().out
    assert not Path("backslide-runs").exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["redteam", "trun", "a", "b"], "did you mean"),
        (["redteam", "run", "replay:holds"], "missing argument"),
        (["redteam", "run", *arms("late", "--focus", "turn")], "did you mean 'turns'"),
        (["redteam", "run", *arms("late", "--focus", ",")], "names nothing"),
        (["redteam", "run", *arms("late", "--budget", "soon")], "not a budget"),
        (["redteam", "run", *arms("late", "-o", "r.pdf")], "no report has this format"),
        (["redteam", "turns", "./nowhere", "replay:late"], "no such model"),
        (["redteam", "turns", *arms("late", "--judge", "ruels")], "did you mean 'rules'"),
        (["redteam", "turns", *arms("late", "--policy", "none.toml")], "cannot read the policy"),
        (["redteam", "trigger", "verify", "replay:holds", "replay:late"], "missing argument"),
        (["redteam", "trigger", "verfy", "a", "b", "c"], "did you mean 'verify'"),
        (["redteam", "domain", *arms("late", "--data", "no.jsonl")], "does not exist"),
        (["redteam", "run", *arms("late", "--probes", "no.jsonl")], "does not exist"),
        (["redteam", "triggers", *arms("late", "--triggers", "no.txt")], "does not exist"),
        (["redteam", "capability", *arms("late", "--knowledge", "no")], "does not exist"),
        (["redteam", "adaptive", *arms("late", "--attacks", "taps")], "did you mean 'tap'"),
        (["redteam", "turns", *arms("late", "--ladders", "insists")], "did you mean 'insist'"),
        (["redteam", "run", *arms("late", "--ladders", "full,insist")], "full alone"),
        (["redteam", "turns", *arms("late", "--budget", "0")], "not a budget"),
        (["redteam", "turns", *arms("late", "--budget", "9" * 400)], "not a budget"),
        (["redteam", "session", *arms("late")[:-1], "-o", "r.pdf"], "no report has this format"),
    ],
)
def test_mistakes_end_in_error_and_hint(capsys, argv, says) -> None:
    fails(capsys, *argv, says=says)


def test_candidates_are_strings_or_lines_of_files(tmp_path: Path) -> None:
    from backslide.cli.redteam_trigger import read_candidates
    from backslide.core.errors import UsageError

    Path("words.txt").write_text("zebra\n two words \n\nzebra\n")
    assert read_candidates(("words.txt", "x/y", "a" * 5000)) == (
        "zebra",
        " two words ",
        "x/y",
        "a" * 5000,
    )
    Path("bad.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot read the candidates"):
        read_candidates(("bad.txt",))
    Path("empty.txt").write_text("\n\n")
    with pytest.raises(UsageError, match="no candidate"):
        read_candidates(("empty.txt",))


def test_an_endpoint_that_answers_with_garbage_is_counted_not_believed(capsys) -> None:
    pytest.importorskip("inspect_ai")
    with serving(lambda call, n: Reply(b"<html>502</html>", content_type="text/html")) as server:
        spec = f"openai/m@{server.base_url}"
        argv = ["redteam", "turns", "replay:holds", spec, "--run", "run", "-q", "--timeout", "2"]
        code = _run(argv)
    captured = capsys.readouterr()
    assert code in (2, 3), captured.err
    assert "Traceback" not in captured.err
    if code == 3:
        assert captured.out.rstrip().splitlines()[-1].startswith("INCONCLUSIVE")


def test_what_was_told_by_a_file_does_not_steer_the_terminal(monkeypatch, capsys) -> None:
    monkeypatch.setattr(redteam_scripts, "broken", hostile)
    given = [a for a in arms("steady", "--focus", "values") if a != "-q"]
    for more in ([], ["--dry-run"]):
        _run(["redteam", "run", *given, *more])
        captured = capsys.readouterr()
        for said in (captured.out, captured.err):
            assert "\x1b" not in said and "\u202e" not in said
        assert "odd" in captured.out + captured.err


def hostile(asker, plan):
    raise UsageError("the row \x1b[31m\x1b]0;x\x07\u202e is odd")


def test_bytes_that_are_no_text_in_the_arguments(capsys) -> None:
    assert _run(["redteam", "trigger", "verify", *arms("steady", "-q"), "a\udcffb"]) in (0, 3)
    assert "Traceback" not in capsys.readouterr().err
    given = red_team_settings("b", "t", None, {"budget": "1m", "candidates": ("a\udcff",)})
    assert given.candidates == ("a?",)


def test_the_configuration_file_reaches_every_red_team_command(capsys) -> None:
    Path("backslide.toml").write_text('judge = "ruels"\n')
    for argv in (["run"], ["turns"], ["trigger", "verify"], ["session"]):
        more = ["x"] if argv[0] == "trigger" else []
        given = arms("steady", "-q") if argv[0] != "session" else arms("steady")[:-1]
        fails(capsys, "redteam", *argv, *given, *more, says="did you mean 'rules'")


def test_a_red_team_alone_can_be_decided_by_another_policy(capsys) -> None:
    assert _run(["redteam", "domain", *arms("some")]) == 4
    capsys.readouterr()
    from backslide.gate.policy import DEFAULT

    text = DEFAULT.read_text()
    strict = text.replace("review = 0.30", "review = 0.20")
    assert strict != text
    Path("strict.toml").write_text(strict)
    assert _run(["gate", "run"]) == 4
    capsys.readouterr()
    assert _run(["gate", "run", "--policy", "strict.toml", "-o", "r.json"]) == 1
    assert capsys.readouterr().out.rstrip().splitlines()[-1].startswith("BLOCK")
    assert json.loads(Path("r.json").read_text())["decision"]["exit_code"] == 1
    assert _run(["gate", "nowhere"]) == 2


def test_what_succeeded_is_asked_again_by_every_command(capsys) -> None:
    """run -> export -> collect, judge, compare and gate; check; redteam: each finds it again."""
    assert _run(["redteam", "turns", *arms("late")]) == 1
    suite = "run/redteam/exports/turns.jsonl"
    rows = [json.loads(line) for line in Path(suite).read_text().splitlines()]
    assert len(rows) == 54
    models = ["replay:holds", "replay:late"]
    quick = ["--suite", suite, "--plan", "quick", "--noise", "0", "--repeats", "0"]
    assert _run(["collect", *models, *quick, "--run", "again"]) == 0
    assert _run(["judge", "again"]) == 0
    capsys.readouterr()
    assert _run(["compare", "again", "--json"]) == 0
    found = {c["check"]: c for c in json.loads(capsys.readouterr().out)}
    overall = found["refusal.overall"]
    assert (overall["pairs"], overall["losses"], overall["gains"]) == (54, 54, 0)
    assert _run(["gate", "again"]) == 1
    assert _run(["check", *models, *quick, "--run", "checked"]) == 1
    fixed = ["replay:holds", "replay:steady", *quick, "--run", "fixed"]
    assert _run(["check", *fixed]) != 1, "a repaired model is not blocked"
    real = {"domain": REAL["domain"]}
    assert (
        _run_real(["redteam", "domain", *models, "--probes", suite, "--run", "b", "-q"], real) == 1
    )
    found = RedTeamRun(Path("b")).result().focuses[0].comparisons[0]
    assert (found.pairs, found.losses) == (54, 54)
    again = Path("b/redteam/exports/domain.jsonl").read_text().splitlines()
    assert {json.loads(r)["id"] for r in again} == {r["id"] for r in rows}


def _run_real(argv: list[str], real: dict[Any, Any]) -> int:
    """With these focuses as they are, and not the small ones of the tests."""
    places.PLACES.update(real)
    plans.MAKERS["domain"] = plans._domain
    return _run(argv)
