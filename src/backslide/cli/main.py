"""The ``backslide`` command: lazy subcommands, and every ending as an exit code."""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path

import click

from backslide import __version__
from backslide.core.errors import BackslideError, Exit

COMMANDS = {
    "check": "the whole job: collect, judge, compare and gate",
    "redteam": "look for what benchmarks miss: domain, conversations, triggers and more",
    "demo": "two checks on small real models, offline, in minutes",
    "collect": "get the answers of both models into a run directory",
    "judge": "judge the collected answers (again)",
    "compare": "compare the two models by their verdicts",
    "gate": "decide by a policy",
    "report": "write the result as HTML, JSON, JUnit or Markdown",
    "show": "read a result, or answers side by side, in the terminal",
    "list": "what there is: suites, judges, targets, plans, checks, attacks",
    "suites": "published suites: what there is, fetch one, read its card",
    "explain": "what a check measures, how, its limits and its source",
    "init": "write a small commented configuration",
    "config": "where each setting comes from; the default policy",
    "doctor": "what works here, with a remedy for what does not",
    "controls": "the demo adapters: models with a known fault",
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command runs; ``--help`` imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"backslide.cli.{_module(cmd_name)}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _module(name: str) -> str:
    return {"list": "list_", "check": "check"}.get(name, name)


EPILOG = """\b
Examples:
  backslide demo
  backslide check BASE TUNED
  backslide check org/base ./my-adapter -o report.html -o junit.xml
  backslide check openai/gpt-4o-mini openai/ft:... --plan quick
\b
Exit codes: 0 deploy, 1 blocked, 2 usage, 3 inconclusive, 4 awaiting people,
5 internal error, 130 interrupted. The last line printed is the verdict."""


@click.command(
    cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="backslide")
@click.option("--no-color", is_flag=True, help="Plain text (NO_COLOR works too).")
@click.pass_context
def cli(ctx: click.Context, no_color: bool) -> None:
    """Did the fine-tune make this model less safe, and may it be deployed?"""
    if no_color:
        os.environ["NO_COLOR"] = "1"
    if ctx.invoked_subcommand not in (None, "init", "list", "explain", "doctor"):
        from backslide.cli.settings import file_defaults

        ctx.default_map = file_defaults(list(COMMANDS))


def main(argv: list[str] | None = None) -> int:
    """Run the command line and exit with the code that the ending calls for."""
    code = _run(argv)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _run(argv: list[str] | None) -> int:
    try:
        result = cli.main(args=argv, prog_name="backslide", standalone_mode=False)
        return int(result) if isinstance(result, int) else Exit.DEPLOY
    except BackslideError as e:
        _say(e.message, e.cause, e.hint)
        return e.exit_code
    except click.ClickException as e:
        _say(e.format_message(), None, _click_hint(e))
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ninterrupted: what was measured is kept; the same command goes on", err=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.DEPLOY
    except Exception:
        return _unexpected()


def _click_hint(e: click.ClickException) -> str:
    ctx = getattr(e, "ctx", None)
    return f"{ctx.command_path if ctx else 'backslide'} --help"


def _say(message: str, cause: str | None, hint: str | None) -> None:
    for word, text in (("error", message), ("cause", cause), ("hint", hint)):
        if text:
            click.echo(f"{word}: {_plain(text)}", err=True)


def _plain(text: str) -> str:
    """Errors can quote hostile files: no control characters reach the terminal."""
    return "".join(ch if ch.isprintable() or ch == " " else "?" for ch in text)


def _unexpected() -> int:
    with tempfile.NamedTemporaryFile(
        "w", prefix="backslide-error-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(f"backslide {__version__}\n{sys.version}\n\n{traceback.format_exc()}")
    last = traceback.format_exc().strip().splitlines()[-1]
    _say(
        "backslide failed in a way it should not",
        last[:300],
        f"the details are in {Path(log.name)}; what was measured is kept",
    )
    return Exit.INTERNAL


if __name__ == "__main__":
    main()
