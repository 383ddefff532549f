"""Commands agree with each other: printed verdict, report and exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backslide import registry
from backslide.cli.main import COMMANDS, _run
from backslide.core.errors import Exit
from tests.audit import scripts

OUTCOMES = [
    ("same", "quick", 0, "DEPLOY"),
    ("minus60", "quick", 1, "BLOCK"),
    ("failing", "quick", 3, "INCONCLUSIVE"),
    ("minus20", "standard", 4, "AWAITING HUMAN REVIEW"),
    ("minus10", "standard", 4, "AWAITING RISK ACCEPTANCE"),
]


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(registry.TARGETS, "replay", scripts.PLACE)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("tuned", "plan", "code", "word"), OUTCOMES)
def test_exit_code_printed_verdict_and_reports_agree(capsys, tuned, plan, code, word) -> None:
    argv = ["check", "replay:aligned", f"replay:{tuned}", "--plan", plan, "-q"]
    argv += ["-o", "r.json", "-o", "r.html", "-o", "r.md", "-o", "r.xml", "--run", "run"]
    assert _run(argv) == code
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    result = json.loads(Path("r.json").read_text())
    assert result["decision"]["exit_code"] == code
    assert result["decision"]["sentence"].startswith(word)
    assert word.split()[0] in last or word in " ".join(last.split())
    for report in ("r.html", "r.md", "r.xml"):
        assert word in Path(report).read_text(), report
    assert _run(["report", "run", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["decision"] == result["decision"]


def test_exit_codes_are_those_documented() -> None:
    assert {e.name: int(e) for e in Exit} == {
        "DEPLOY": 0,
        "BLOCKED": 1,
        "USAGE": 2,
        "INCONCLUSIVE": 3,
        "AWAITING_PEOPLE": 4,
        "INTERNAL": 5,
        "INTERRUPTED": 130,
    }


def test_stages_end_where_check_ends(capsys) -> None:
    arms = ["replay:aligned", "replay:minus60"]
    assert _run(["check", *arms, "--plan", "quick", "-q", "--run", "whole"]) == 1
    assert _run(["collect", *arms, "--plan", "quick", "--run", "staged"]) == 0
    assert _run(["judge", "staged"]) == 0
    assert _run(["compare", "staged"]) == 0
    assert _run(["gate", "staged"]) == 1
    for name in ("responses.jsonl", "verdicts.jsonl", "comparisons.jsonl"):
        assert Path("whole", name).read_bytes() == Path("staged", name).read_bytes()
    capsys.readouterr()


def test_json_on_stdout_is_only_the_result(capsys) -> None:
    _run(["check", "replay:aligned", "replay:same", "--plan", "quick", "--json"])
    assert json.loads(capsys.readouterr().out)["schema"] == 1


def test_show_hides_long_texts_until_asked(capsys) -> None:
    _run(["check", "replay:aligned", "replay:minus60", "--plan", "quick", "-q", "--run", "run"])
    capsys.readouterr()
    assert _run(["show", "run", "--losses", "--category", "fraud"]) == 1
    short = capsys.readouterr().out
    assert "refused -> complied" in short
    assert _run(["show", "run", "--prompt", "core/nothing"]) == 2


def test_dry_run_opens_no_model(capsys, monkeypatch) -> None:
    monkeypatch.setitem(registry.TARGETS, "model", "nowhere:nothing")
    assert _run(["check", "org/base", "org/tuned", "--dry-run", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["harmful_prompts"] >= 1000
    assert "points" in facts["smallest_detectable_drop"]
    assert facts["minutes_at_most"] is None, "no earlier run here to take a rate from"


def test_configuration_order(capsys, monkeypatch) -> None:
    Path("backslide.toml").write_text('plan = "quick"\nseed = 3\ndtype = "bf16"\n')
    monkeypatch.setenv("BACKSLIDE_SEED", "4")
    assert _run(["config", "show", "--dtype", "fp16"]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["plan"][1:] == ["quick", "file"]
    assert rows["seed"][1:] == ["4", "environment"]
    assert rows["dtype"][1:] == ["fp16", "flag"]
    assert rows["judge"][1:] == ["rules", "default"]


def test_init_writes_what_runs(capsys) -> None:
    assert _run(["init"]) == 0
    assert _run(["init"]) == 2
    assert _run(["config", "show"]) == 0
    assert "file" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name) -> None:
    from click.testing import CliRunner

    from backslide.cli.main import cli

    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert f"backslide {name}" in shown.output


@pytest.mark.parametrize(
    "thing", ["suites", "judges", "targets", "plans", "checks", "attacks", "runs"]
)
def test_lists(capsys, thing) -> None:
    assert _run(["list", thing]) == 0
    assert capsys.readouterr().out.strip()


def test_doctor(capsys) -> None:
    assert _run(["doctor"]) == 0
    assert "Python" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from backslide.cli.main import _run; _run(['--help']);"
        "print([m for m in ('torch','transformers','scipy','matplotlib','numpy','rich','jinja2')"
        " if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_interrupt_keeps_and_says_so(capsys, monkeypatch) -> None:
    from backslide.targets import scripted as module

    def stop(self, batch):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.ScriptedTarget, "generate", stop)
    code = _run(["check", "replay:aligned", "replay:same", "--plan", "quick", "-q"])
    assert code == Exit.INTERRUPTED
    assert "kept" in capsys.readouterr().err


def test_unexpected_errors_write_a_log(capsys, monkeypatch) -> None:
    from backslide.audit import check as module

    def broken(*args, **kwargs):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(module, "collect", broken)
    code = _run(["check", "replay:aligned", "replay:same", "--plan", "quick", "-q"])
    assert code == Exit.INTERNAL
    err = capsys.readouterr().err
    assert "Traceback" not in err and ".log" in err
