"""``backslide judge RUN``: judge the collected answers, again if need be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from backslide.cli.stage import judge_options, run_argument, stage_settings


@click.command(
    "judge",
    short_help="judge the collected answers (again)",
    epilog="\b\nExample:\n  backslide judge RUN --judge rubric --judge-model openai/gpt-4o",
)
@run_argument
@judge_options
@click.option("--retry-errors", is_flag=True, help="Judge again where the judge itself failed.")
def command(run: Path, **values: Any) -> int:
    """Judge every answer in RUN. New verdicts stand beside those of other judges."""
    from backslide.audit.judging import judge_run
    from backslide.audit.opening import open_judge
    from backslide.cli.progress import Live
    from backslide.store.run import Run

    chosen = stage_settings(run, values["judge"], values["judge_model"])
    place = Run(run)
    place.lock()
    try:
        place.repair()
        with Live() as live:
            judge = open_judge(chosen)
            left = judge_run(place, judge, live, retry=values["retry_errors"])
    finally:
        place.unlock()
    click.echo(f"{judge.name} {judge.version}: {left} answers without a verdict")
    return 0
