"""Help, lists and choices of the red-team commands."""

from __future__ import annotations

import json
import resource
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest

from backslide.audit.redteam import plans
from backslide.cli.main import _run, cli
from backslide.cli.redteam import COMMANDS
from backslide.cli.redteam_options import FOCUSES
from backslide.cli.redteam_settings import parse_names, red_team_settings


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


EVERY = [["redteam"], ["list"], *(["redteam", name] for name in COMMANDS)]
EVERY += [["redteam", "trigger", "verify"], ["redteam", "trigger", "hunt"]]
HEAVY = ("torch", "transformers", "scipy", "numpy", "msgspec", "rich", "backslide.audit")


def test_help_has_examples_and_imports_nothing_heavy() -> None:
    code = (
        "import io, sys, contextlib; from backslide.cli.main import _run\n"
        f"for argv in {EVERY!r}:\n"
        "    out = io.StringIO()\n"
        "    with contextlib.redirect_stdout(out): _run([*argv, '--help'])\n"
        "    assert 'Example' in out.getvalue(), argv\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_examples_of_the_help_are_commands_that_parse() -> None:
    """Every example is parsed as it stands, with files where it names files."""
    for name in ("train.jsonl", "mine.csv", "wmdp-bio.jsonl", "words.txt", "candidates.txt"):
        Path(name).write_text("x\n")
    for argv in EVERY[2:]:
        command = get_command(argv)
        lines = (command.epilog or "").replace("\b", "").splitlines()
        examples = [x.strip() for x in lines if x.strip().startswith("backslide ")]
        assert examples, argv
        for example in examples:
            words = shlex.split(example.partition("  (")[0])[1:]
            parsed = get_command(words)
            skip = 3 if words[1] == "trigger" else 2
            parsed.make_context("x", words[skip:] if not is_group(parsed) else [], None)


def get_command(words: list[str]) -> click.Command:
    found: click.Command = cli
    for word in words:
        if not is_group(found):
            break
        found = found.get_command(click.Context(found), word)
        assert found is not None, words
    return found


def is_group(command: click.Command) -> bool:
    return isinstance(command, click.Group)


def test_the_help_of_all_answers_within_300_ms() -> None:
    """Processor time of the quickest of five starts: other work on the machine does not count."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "backslide.cli.main", "--help"], capture_output=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.3, spent


def listed(capsys, *argv: str) -> str:
    assert _run(["list", *argv]) == 0
    return capsys.readouterr().out


def test_list_attacks_names_all_that_can_be_chosen(capsys) -> None:
    from backslide.redteam.adaptive.plan import ATTACKS
    from backslide.redteam.turns.ladders import ladders

    out = listed(capsys, "attacks")
    heads = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert heads == list(FOCUSES)
    named = [line.split()[0] for line in out.splitlines() if line.startswith("    ")]
    for name in (*ATTACKS, *(x.name for x in ladders())):
        assert name in named
        option = "--attacks" if name in ATTACKS else "--ladders"
        assert parse_names(name, option, (name,)) == (name,)
    assert "tap" in out and "not by default" in out and "arXiv 2312.02119" in out
    assert "published triggers" in out


def test_chosen_attacks_and_ladders_reach_the_plans() -> None:
    values = {"budget": "1m", "attacks": "tap,goat,tap", "ladders": "roleplay"}
    chosen = red_team_settings("b", "t", None, values)
    context = plans.Context(chosen, None, None, None, None)  # type: ignore[arg-type]
    from backslide.redteam.adaptive.plan import AdaptivePlan
    from backslide.redteam.turns.plan import TurnsPlan, waves

    assert plans._adaptive(context) == AdaptivePlan(attacks=("tap", "goat"))
    names = {s.ladder.name for wave in waves(plans._turns(context)) for s in wave}
    assert names == {"roleplay"}
    large = replace(context, settings=replace(chosen, paper_budgets=True))
    assert plans._adaptive(large).tap.width == 10
    full = red_team_settings("b", "t", None, {"budget": "1m", "ladders": "full"})
    context = plans.Context(full, None, None, None, None)  # type: ignore[arg-type]
    assert plans._turns(context) == TurnsPlan(full=True)


def test_dry_run_of_some_ladders_counts_only_those(capsys) -> None:
    from backslide.redteam.turns.ladders import ladders

    goals = {x.name: x.goals for x in ladders()}
    argv = ["redteam", "turns", "a", "b", "--ladders", "suppression", "--dry-run", "--json"]
    assert _run(argv) == 0
    (row,) = json.loads(capsys.readouterr().out)["focuses"]
    assert row["calls_base"] == row["calls_tuned"] == goals["suppression"]
