"""``backslide explain CHECK``."""

from __future__ import annotations

import click


@click.command(
    "explain",
    short_help="what a check measures, how, its limits",
    epilog="\b\nExamples:\n  backslide explain category\n  backslide explain gate",
)
@click.argument("check")
def command(check: str) -> int:
    """Explain a check: what it measures, how, its limits and its source."""
    from backslide.audit.explain import topic

    name, t = topic(check)
    click.echo(f"{name}: {t.title}\n")
    for label, text in (
        ("measures", t.measures),
        ("how", t.how),
        ("limits", t.limits),
        ("source", t.source),
    ):
        click.echo(click.wrap_text(f"{label}: {text}", width=88, subsequent_indent="  ") + "\n")
    return 0
