"""``backslide redteam``: look for what benchmarks miss; each focus alone, or all in one run."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

import click

from backslide.cli.output import check_outputs, emit
from backslide.cli.redteam_options import (
    ATTACKER,
    ATTACKS,
    DOMAIN,
    FOCUSES,
    KNOWLEDGE,
    LADDERS,
    OWN,
    TRIGGERS,
    USED,
    shared_options,
    with_options,
)
from backslide.cli.redteam_settings import parse_focuses, red_team_settings

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
@with_options((*DOMAIN, *LADDERS, *ATTACKER, *ATTACKS, *TRIGGERS, *KNOWLEDGE))
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
        epilog="\b\nExamples:" + "".join(f"\n  backslide redteam {name} {e}" for e in USED[name]),
    )
    @click.argument("base")
    @click.argument("tuned")
    @with_options(OWN[name])
    @shared_options
    def one(base: str, tuned: str, **values: Any) -> int:
        return perform(base, tuned, (name,), values)

    return one


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
