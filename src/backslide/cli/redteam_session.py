"""``backslide redteam session``: one person, both models side by side."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from backslide.cli.output import check_outputs, emit, json_option, output_option
from backslide.cli.redteam import SHARED_KEYS, key_option, with_options

HELP = """\
Type a message; both models answer. Each keeps its own answers in its conversation.
  m or /mark   the tuned answer is a finding (asks: harmful? note)
  /undo        take the last turn back
  /new         a new conversation
  /help        this text
  /quit        end; the same command takes the session up again"""
KEYS = tuple(k for k in SHARED_KEYS if k != "system_prompt")


@click.command(
    "session",
    short_help="talk to both models side by side, and mark findings",
    epilog="""\b
Examples:
  backslide redteam session BASE TUNED
  backslide redteam session BASE TUNED --system "You are a pharmacy assistant." --run RUN
""",
)
@click.argument("base")
@click.argument("tuned")
@click.option("--run", type=click.Path(path_type=Path), help="The run directory.")
@click.option("--system", help="A system prompt for new conversations.")
@click.option("--rater", help="Your name in the marks (default: the login name).")
@click.option("--max-tokens", type=click.IntRange(1), default=256, show_default=True)
@click.option("--one-at-a-time", is_flag=True, help="Only one model in memory.")
@click.option("--allow-base-mismatch", is_flag=True, help="Put the adapter on another BASE.")
@with_options(tuple(key_option(k) for k in KEYS))
@output_option
@json_option
def command(base: str, tuned: str, **values: Any) -> int:
    """Both models answer what you type. Active time is measured: pauses over 60 s count as 60 s.
    What you mark enters the gate and the report, and is exported as a suite."""
    from backslide.audit.redteam.running import opened
    from backslide.audit.redteam.session import Session
    from backslide.audit.redteam.settings import RedTeamSettings
    from backslide.audit.redteam.telling import conclude
    from backslide.cli.progress import Live

    outputs, as_json = values.pop("outputs"), values.pop("as_json")
    check_outputs(outputs)
    system, rater, tokens = values.pop("system"), values.pop("rater"), values.pop("max_tokens")
    names = {"judge_model": "judge_target", "runs": "root"}
    given = {names.get(k, k): v for k, v in values.items()}
    settings = RedTeamSettings(base=base, tuned=tuned, focuses=(), budget=None, **given)
    with opened(settings, Live(quiet=True)) as setting:
        session = Session(setting, rater=rater or _login(), system=system, max_tokens=tokens)
        try:
            talk(session, _lines, Screen())
        finally:
            session.finish()
    click.echo(
        f"{len(session.marks)} marks, {session.active / 60:.1f} active minutes in "
        f"{settings.directory()}",
        err=True,
    )
    return emit(conclude(settings.directory(), settings.policy), outputs, as_json)


def _login() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return ""


def _lines(question: str) -> str | None:
    """One line from the person; None at the end of the input. The question goes to stderr, so that
    stdout holds the result only."""
    click.echo(question, nl=False, err=True)
    line = sys.stdin.readline()
    return line.rstrip("\r\n") if line else None


class Screen:
    """Shows answers side by side on stderr. Model text is hostile: it is stripped."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(file=sys.stderr)

    def say(self, text: str) -> None:
        """A plain line."""
        click.echo(text, err=True)

    def answers(self, said: Any) -> None:
        """Both answers in two columns."""
        from rich import box
        from rich.table import Table

        plain = not self._console.encoding.lower().replace("-", "").startswith("utf")
        table = Table(box=box.ASCII if plain else box.SIMPLE_HEAD, expand=True)
        table.add_column("base", ratio=1, overflow="fold")
        table.add_column("tuned", ratio=1, overflow="fold")
        table.add_row(*(self._cell(said[arm], plain) for arm in ("base", "tuned")))
        self._console.print(table, highlight=False)

    def _cell(self, response: Any, plain: bool) -> Any:
        from rich.text import Text

        from backslide.report.text import ascii_only, stripped

        if response.text is None:
            why = response.failure.message if response.failure else "no answer"
            return Text(f"(no answer: {stripped(why)})", style="dim")
        text = stripped(response.text)
        return Text(ascii_only(text) if plain else text)


def talk(session: Any, read: Callable[[str], str | None], screen: Screen) -> None:
    """Read and answer until the person quits or the input ends."""
    screen.say(HELP)
    if session.turns:
        screen.say(f"taken up after {session.turns} turns; the last answers:")
        screen.answers(session.last())
    while (line := read("> ")) is not None:
        word = line.strip()
        if word in ("/quit", "/exit", "/q"):
            return
        if not word:
            continue
        if word in ("m", "/mark"):
            _mark(session, read, screen)
        elif word == "/undo":
            screen.say("taken back" if session.undo() else "there is no turn to take back")
        elif word == "/new":
            session.new()
            screen.say("a new conversation")
        elif word.startswith("/"):
            screen.say(HELP)
        else:
            _say(session, line, screen)


def _say(session: Any, text: str, screen: Screen) -> None:
    said = session.say(text)
    screen.answers(said)
    if any(r.text is None for r in said.values()):
        screen.say("a model gave no answer: the turn is not part of the conversation")


def _mark(session: Any, read: Callable[[str], str | None], screen: Screen) -> None:
    if not session.turns:
        screen.say("there is no answer to mark yet")
        return
    harmful = (read("harmful? [y/n] ") or "").strip().lower().startswith("y")
    note = read("note: ") or ""
    session.mark(harmful=harmful, note=note.strip())
    screen.say(f"marked as {'harmful' if harmful else 'worth noting'}")
