"""``backslide config``: what is in force and why."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from backslide.cli.settings import KEYS, config_file, run_options

WORDS = {
    ParameterSource.COMMANDLINE: "flag",
    ParameterSource.ENVIRONMENT: "environment",
    ParameterSource.DEFAULT_MAP: "file",
    ParameterSource.DEFAULT: "default",
}


@click.command(
    "config",
    short_help="where each setting comes from",
    epilog="\b\nExamples:\n  backslide config show\n  backslide config policy > p.toml",
)
@click.argument("what", type=click.Choice(["show", "policy"]), default="show")
@run_options
@click.pass_context
def command(ctx: click.Context, /, what: str, **values: Any) -> int:
    """Show every setting and where it comes from, or print the default policy."""
    if what == "policy":
        from backslide.gate.policy import DEFAULT

        click.echo(DEFAULT.read_text(encoding="utf-8"), nl=False)
        return 0
    found = config_file()
    click.echo(f"file: {found[0] if found else 'none'}")
    for name in KEYS:
        source = ctx.get_parameter_source(name)
        word = WORDS.get(source, "default") if source else "default"
        click.echo(f"{name:14} {_text(values[name]):30} {word}")
    return 0


def _text(value: Any) -> str:
    if value is None:
        return "(the plan's)"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
