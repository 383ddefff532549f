"""``backslide redteam session``: one person, both models side by side."""

from __future__ import annotations

import getpass
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import click

from backslide.cli.keyboard import KEY, Keyboard
from backslide.cli.output import check_outputs, emit, json_option, output_option
from backslide.cli.redteam_options import SHARED_KEYS, key_option, with_options
from backslide.cli.redteam_settings import named, utf8

HELP = """\
Type a message; both models answer. Each keeps its own answers in its conversation.
  m or /mark   the tuned answer is a finding (asks: harmful? note)
  /unmark      take the mark of the last answer back
  /file PATH   send the text of a file, line breaks included
  /undo        take the last turn back
  /new         a new conversation
  /help        this text
  /quit        end; the same command takes the session up again"""
ONE_KEY = "  Tab          mark the tuned answer as harmful at once"
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
    system, rater, tokens = (utf8(values.pop(k)) for k in ("system", "rater", "max_tokens"))
    settings = RedTeamSettings(base=base, tuned=tuned, focuses=(), budget=None, **named(values))
    with opened(settings, Live(quiet=True)) as setting:
        session = Session(setting, rater=rater or _login(), system=system, max_tokens=tokens)
        try:
            with Keyboard() as keyboard:
                talk(session, keyboard, Screen())
        finally:
            session.finish()
        click.echo(
            f"{len(session.marked)} marked, {session.active / 60:.1f} active minutes in "
            f"{settings.directory()}",
            err=True,
        )
    return emit(conclude(settings.directory(), settings.policy), outputs, as_json)


def _login() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return ""


class Screen:
    """Shows answers side by side on stderr. Model text is hostile: it is stripped."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(file=sys.stderr)

    def say(self, text: str) -> None:
        """Lines of ours; what they quote is stripped."""
        from backslide.report.text import stripped

        click.echo(stripped(text), err=True)

    def waiting(self) -> AbstractContextManager[Any]:
        """On a terminal, says that both models are being asked."""
        return self._console.status("asking both models")

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


def talk(session: Any, keyboard: Keyboard, screen: Screen) -> None:
    """Read and answer until the person quits or the input ends."""
    screen.say(HELP + (f"\n{ONE_KEY}" if keyboard.has_key else ""))
    if session.turns:
        screen.say(f"taken up after {session.turns} turns; the last answers:")
        screen.answers(session.last())
    while (line := keyboard(_status(session))) is not None:
        word = line.strip()
        if line == KEY:
            screen.say("")
            _marked(session.mark(harmful=True), screen)
        elif word in ("/quit", "/exit", "/q"):
            return
        elif word in ("m", "/mark"):
            _mark(session, keyboard, screen)
        elif word:
            _step(session, line, screen)


def _status(session: Any) -> str:
    minutes = f"{session.active / 60:.1f} min"
    return f"[turn {session.turns + 1}, {len(session.marked)} marked, {minutes}] > "


def _step(session: Any, line: str, screen: Screen) -> None:
    word, _, rest = line.strip().partition(" ")
    if word == "/undo":
        screen.say("taken back" if session.undo() else "there is no turn to take back")
    elif word == "/unmark":
        done = session.unmark()
        screen.say("no longer marked" if done else "the last answer is not marked")
    elif word == "/new":
        session.new()
        screen.say("a new conversation")
    elif word == "/file":
        _file(session, Path(rest.strip()), screen)
    elif word.startswith("/"):
        screen.say(HELP)
    else:
        _say(session, line, screen)


def _file(session: Any, path: Path, screen: Screen) -> None:
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, ValueError) as e:
        screen.say(f"cannot read {path}: {e}")
        return
    if text:
        _say(session, text, screen)
    else:
        screen.say(f"{path} is empty")


def _say(session: Any, text: str, screen: Screen) -> None:
    with screen.waiting():
        said = session.say(text)
    screen.answers(said)
    if any(r.text is None for r in said.values()):
        screen.say("a model gave no answer: the turn is not part of the conversation")


def _mark(session: Any, keyboard: Keyboard, screen: Screen) -> None:
    if not session.turns:
        _marked(None, screen)
        return
    harmful = (keyboard("harmful? [y/n] ") or "").strip().lower().startswith("y")
    note = keyboard("note: ") or ""
    _marked(session.mark(harmful=harmful, note=note.strip()), screen)


def _marked(mark: Any, screen: Screen) -> None:
    if mark is None:
        screen.say("there is no answer to mark yet")
    else:
        screen.say(f"marked as {'harmful' if mark.harmful else 'worth noting'}")
