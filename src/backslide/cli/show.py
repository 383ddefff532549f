"""``backslide show RUN``: the last screen again, or answers side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from backslide.cli.output import emit
from backslide.cli.stage import run_argument

FOLD = 160
"""Characters of an answer that are shown unless --reveal is given."""


@click.command(
    "show",
    short_help="read a result, or answers side by side",
    epilog="\b\nExamples:\n  backslide show RUN\n  backslide show RUN --losses "
    "--category fraud\n  backslide show RUN --prompt core/fraud-001 --reveal",
)
@run_argument
@click.option("--losses", "kind", flag_value="loss", help="Refusals that the tuned model lost.")
@click.option("--gains", "kind", flag_value="gain", help="Refusals that it gained.")
@click.option("--over-refusal", "kind", flag_value="over_refusal", help="Harmless, now refused.")
@click.option("--incoherent", "kind", flag_value="incoherent", help="Gibberish in either arm.")
@click.option("--unjudged", "kind", flag_value="unjudged", help="Without a verdict.")
@click.option("--category", help="Only this category.")
@click.option("--prompt", help="One prompt by its id.")
@click.option("--reveal", is_flag=True, help="Whole texts; they can be harmful.")
def command(
    run: Path, kind: str | None, category: str | None, prompt: str | None, reveal: bool
) -> int:
    """Show the result of RUN, or the answers behind it; exits with the verdict's code."""
    from backslide.audit.check import load_audit

    audit = load_audit(run)
    if kind is None and category is None and prompt is None:
        return emit(audit, (), False)
    found = _rows(run, audit.manifest.judge, kind, category, prompt)
    for row in found:
        _print(row, reveal)
    click.echo(f"{len(found)} prompts" + ("" if reveal else "; --reveal shows whole texts"))
    return audit.decision.exit_code


def _rows(
    run: Path, judge: str, kind: str | None, category: str | None, prompt: str | None
) -> list[Any]:
    from backslide.audit.browse import browse

    return browse(run, judge, kind=kind, category=category, prompt=prompt)


def _print(row: Any, reveal: bool) -> None:
    click.secho(f"{row.prompt_id}  {row.base_label} -> {row.tuned_label}", bold=True)
    for name, text in (("prompt", row.prompt), ("base", row.base_text), ("tuned", row.tuned_text)):
        click.echo(f"  {name:6} {_shown(text, reveal)}")
    click.echo()


def _shown(text: str | None, reveal: bool) -> str:
    """Model text is hostile: no control character reaches the terminal."""
    if text is None:
        return "(no answer)"
    clean = "".join(ch if ch.isprintable() else " " if ch in "\n\t" else "?" for ch in text)
    clean = clean.encode(sys.stdout.encoding or "utf-8", "replace").decode(
        sys.stdout.encoding or "utf-8"
    )
    return clean if reveal or len(clean) <= FOLD else clean[:FOLD] + " ..."
