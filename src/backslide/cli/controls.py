"""``backslide controls``: the adapters with a known fault."""

from __future__ import annotations

from pathlib import Path

import click

from backslide.core.errors import UsageError


@click.group(
    "controls",
    short_help="models with a known fault",
    epilog="\b\nExamples:\n  backslide controls list\n  backslide controls train benign",
)
def command() -> None:
    """The demo adapters: what they are, and how to train them again."""


@command.command("list", short_help="what each control is")
def list_() -> int:
    """List the controls with their purpose."""
    import tomllib

    from backslide.controls import ROOM

    for name, recipe in tomllib.loads((ROOM / "recipes.toml").read_text("utf-8")).items():
        click.echo(f"{name:14} {recipe['purpose']}")
    return 0


@command.command("train", short_help="train controls again (minutes each)")
@click.argument("names", nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The directory to write adapters into.",
)
def train(names: tuple[str, ...], out: Path) -> int:
    """Train the named controls (all by default) into OUT."""
    from backslide.controls.train import recipes
    from backslide.controls.train import train as run

    known = recipes()
    for name in names:
        if name not in known:
            raise UsageError(f"no control is called {name!r}", hint=f"one of {', '.join(known)}")
    run(names or tuple(known), out, lambda text: click.echo(text, err=True))
    return 0
