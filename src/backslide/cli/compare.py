"""``backslide compare RUN``: the comparisons of one judge."""

from __future__ import annotations

from pathlib import Path

import click

from backslide.cli.output import json_option
from backslide.cli.stage import judge_options, run_argument, stage_settings


@click.command(
    "compare",
    short_help="compare the two models by their verdicts",
    epilog="\b\nExample:\n  backslide compare RUN --json",
)
@run_argument
@judge_options
@json_option
def command(run: Path, judge: str, judge_model: str | None, as_json: bool) -> int:
    """Compare the arms of RUN; writes comparisons.jsonl and prints one line per check."""
    from backslide.audit.check import compare
    from backslide.audit.opening import open_judge
    from backslide.store.run import Run

    found = compare(Run(run), open_judge(stage_settings(run, judge, judge_model)))
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 0
    for c in found:
        if c.change is None:
            click.echo(f"{c.check:32} not measured: {c.absent}")
        else:
            e = c.change
            click.echo(
                f"{c.check:32} drop {e.value:+.4f} [{e.low:+.4f}, {e.high:+.4f}] n {c.pairs}"
            )
    return 0
