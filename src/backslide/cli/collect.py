"""``backslide collect BASE TUNED``: only the answers."""

from __future__ import annotations

from typing import Any

import click

from backslide.cli.check import arguments, arm_options
from backslide.cli.settings import run_options


@click.command(
    "collect",
    short_help="get the answers of both models",
    epilog="\b\nExample:\n  backslide collect BASE TUNED --plan quick --run my-run",
)
@click.argument("base")
@click.argument("tuned")
@run_options
@arm_options
def command(base: str, tuned: str, **values: Any) -> int:
    """Get the answers of both models; prints the run directory. The same command resumes."""
    from backslide.audit.check import collect
    from backslide.cli.progress import Live

    chosen, price = arguments(base, tuned, values)
    with Live(price) as live:
        run = collect(chosen, live)
    click.echo(str(run.directory))
    return 0
