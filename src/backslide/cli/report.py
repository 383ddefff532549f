"""``backslide report RUN``: write the result in other forms."""

from __future__ import annotations

from pathlib import Path

import click

from backslide.cli.output import check_outputs, emit, json_option, output_option
from backslide.cli.stage import run_argument


@click.command(
    "report",
    short_help="write the result as HTML, JSON, JUnit or Markdown",
    epilog="\b\nExample:\n  backslide report RUN -o report.html -o summary.md",
)
@run_argument
@output_option
@json_option
def command(run: Path, outputs: tuple[Path, ...], as_json: bool) -> int:
    """Write reports of a finished RUN; exits with the verdict's code."""
    from backslide.audit.check import load_audit

    check_outputs(outputs)
    return emit(load_audit(run), outputs, as_json)
