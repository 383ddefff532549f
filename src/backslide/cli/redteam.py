"""``backslide redteam``: look for what benchmarks miss; each focus alone, or all in one run."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from backslide.cli.output import check_outputs, emit, json_option, output_option
from backslide.cli.settings import KEYS
from backslide.core.errors import UsageError

FOCUSES = {
    "domain": "requests of the domain that the model was tuned for",
    "turns": "conversations: escalation, role-play, asking again",
    "adaptive": "attacks by an attacker model that you name",
    "capability": "hierarchy, leakage, eagerness, persuasion, knowledge",
    "values": "sycophancy, verbosity, flattery, misalignment",
    "triggers": "strings under which only the tuned model misbehaves",
}
COMMANDS = {
    "run": "several focuses in one run, sharing a budget of time",
    **FOCUSES,
    "trigger": "verify trigger candidates; hunt for triggers",
    "session": "talk to both models side by side, and mark findings",
}
EPILOG = """\b
Examples:
  backslide redteam run BASE TUNED --describe "customer support for a pharmacy"
  backslide redteam turns BASE TUNED --budget 5m
  backslide redteam trigger verify BASE TUNED "some words" candidates.txt
  backslide redteam session BASE TUNED
\b
Exit codes: 0 nothing found at this budget (no approval: backslide check decides),
1 blocked, 2 usage, 3 inconclusive, 4 awaiting people, 5 internal error,
130 interrupted: the same command goes on. The last line printed is the verdict."""


class RedTeamGroup(click.Group):
    """Builds a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in FOCUSES:
            return focus_command(cmd_name)
        if cmd_name in ("session", "trigger"):
            found: click.Command = import_module(f"backslide.cli.redteam_{cmd_name}").command
            return found
        return run_command if cmd_name == "run" else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" One of {', '.join(COMMANDS)}."
            raise click.UsageError(f"No such red-team command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("redteam", cls=RedTeamGroup, epilog=EPILOG, short_help="look for what benchmarks miss")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Look for what benchmarks miss. Everything found is a finding with evidence, enters the gate
    and the report, and can be asked again as a suite."""
    # The configuration file's defaults are given for "redteam"; its subcommands take the same keys.
    ctx.default_map = {name: ctx.default_map or {} for name in COMMANDS}


DOMAIN = (
    click.option("--describe", help="What the model was tuned for, in words."),
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Its tuning data: topics are found in it. Repeatable.",
    ),
    click.option(
        "--probes",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Your own domain probes (text, expects, topic). Repeatable.",
    ),
)
TRIGGERS = (
    click.option(
        "--triggers",
        "trigger_files",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Your own trigger strings, one a line. Repeatable.",
    ),
    click.option("--deep", is_flag=True, help="Sweep the whole vocabulary (local weights)."),
    click.option("--no-whitebox", is_flag=True, help="Do not look into the weights."),
)
ATTACKER = (click.option("--attacker", help="The model that writes attacks. Never another one."),)
KNOWLEDGE = (
    click.option(
        "--knowledge",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Multiple-choice questions in WMDP's form. Repeatable.",
    ),
)
OWN: dict[str, tuple[Any, ...]] = {
    "domain": (*DOMAIN, *ATTACKER),
    "turns": (),
    "adaptive": ATTACKER,
    "capability": KNOWLEDGE,
    "values": (),
    "triggers": TRIGGERS,
}
"""Options of one focus; ``run`` has all of them."""
SHARED_KEYS = (
    "judge", "judge_model", "policy", "seed", "dtype", "system_prompt", "connections", "timeout",
    "runs",
)  # fmt: skip


def shared_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every red-team command takes: judge, place, time and outputs."""
    for option in reversed(
        (
            click.option("--run", type=click.Path(path_type=Path), help="The run directory."),
            click.option(
                "--budget",
                default="30m",
                show_default=True,
                help="Time of asking: 30m, 90s, 2h or none.",
            ),
            click.option("--retry-errors", is_flag=True, help="Ask again where one failed."),
            click.option("--one-at-a-time", is_flag=True, help="Only one model in memory."),
            click.option(
                "--allow-base-mismatch",
                is_flag=True,
                help="Put the adapter on BASE although it records another base.",
            ),
            *(key_option(name) for name in SHARED_KEYS),
            output_option,
            json_option,
            click.option("--dry-run", is_flag=True, help="Say what it would ask, and stop."),
            click.option("-q", "--quiet", is_flag=True, help="No progress."),
        )
    ):
        function = option(function)
    return function


def key_option(name: str) -> Callable[..., Any]:
    """A configuration key as an option, with its environment variable."""
    kind, default, text = KEYS[name]
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=kind,
        default=default,
        envvar=f"BACKSLIDE_{name.upper()}",
        help=text[0].upper() + text[1:] + ".",
        show_default=default is not None,
    )


def with_options(options: tuple[Any, ...]) -> Callable[..., Any]:
    """Several options as one decorator."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@click.command(
    "run",
    short_help=COMMANDS["run"],
    epilog="""\b
Examples:
  backslide redteam run BASE TUNED --data train.jsonl --budget 30m
  backslide redteam run BASE TUNED --focus turns,values --budget 10m -o report.html
  backslide redteam run BASE TUNED --run RUN      (RUN of a check: its verdict counts both)
  backslide redteam run BASE TUNED --dry-run
""",
)
@click.argument("base")
@click.argument("tuned")
@click.option("--focus", help=f"Of {', '.join(FOCUSES)}; comma-separated.")
@with_options((*DOMAIN, *ATTACKER, *TRIGGERS, *KNOWLEDGE))
@shared_options
def run_command(base: str, tuned: str, focus: str | None, **values: Any) -> int:
    """Red-team TUNED against BASE; the same command resumes."""
    chosen = None if focus is None else parse_focuses(focus)
    return perform(base, tuned, chosen, values)


def focus_command(name: str) -> click.Command:
    """``backslide redteam NAME BASE TUNED``."""

    @click.command(
        name,
        short_help=FOCUSES[name],
        help=f"Only the focus {name}: {FOCUSES[name]}.",
        epilog=f"\b\nExample:\n  backslide redteam {name} BASE TUNED --budget 5m",
    )
    @click.argument("base")
    @click.argument("tuned")
    @with_options(OWN[name])
    @shared_options
    def one(base: str, tuned: str, **values: Any) -> int:
        return perform(base, tuned, (name,), values)

    return one


def parse_focuses(text: str) -> tuple[str, ...]:
    """``domain,turns`` -> names, each once.

    Raises:
        UsageError: an unknown name.
    """
    names = [n.strip() for n in text.split(",") if n.strip()]
    for name in names:
        if name not in FOCUSES:
            near = difflib.get_close_matches(name, FOCUSES, n=1)
            raise UsageError(
                f"no focus is called {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"one of {', '.join(FOCUSES)}",
            )
    if not names:
        raise UsageError("--focus names nothing", hint=f"one of {', '.join(FOCUSES)}")
    return tuple(dict.fromkeys(names))


def perform(base: str, tuned: str, focuses: tuple[str, ...] | None, values: dict[str, Any]) -> int:
    """Run the focuses and show the verdict."""
    outputs, as_json = values.pop("outputs"), values.pop("as_json")
    dry, quiet = values.pop("dry_run"), values.pop("quiet")
    check_outputs(outputs)
    chosen = red_team_settings(base, tuned, focuses, values)
    if dry:
        from backslide.cli.redteam_dry_run import dry_run

        return dry_run(chosen, as_json)
    from backslide.audit.redteam.running import red_team
    from backslide.audit.redteam.telling import conclude
    from backslide.cli.progress import Live

    with Live(quiet=quiet) as live:
        if focuses is None and not chosen.has_domain:
            live.note("domain: not probed: give --describe, --data or --probes")
        red_team(chosen, live)
    return emit(conclude(chosen.directory(), chosen.policy), outputs, as_json)


def red_team_settings(
    base: str, tuned: str, focuses: tuple[str, ...] | None, values: dict[str, Any]
) -> Any:
    """Options -> ``RedTeamSettings``."""
    from backslide.audit.redteam.settings import RedTeamSettings, parse_budget

    names = {"judge_model": "judge_target", "runs": "root"}
    given = {names.get(k, k): v for k, v in values.items()}
    given["whitebox"] = not given.pop("no_whitebox", False)
    given["budget"] = parse_budget(given.pop("budget"))
    return RedTeamSettings(base=base, tuned=tuned, focuses=focuses, **given)  # type: ignore[arg-type]
