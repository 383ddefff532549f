"""``backslide gate RUN``: decide by a policy."""

from __future__ import annotations

from pathlib import Path

import click

from backslide.cli.output import check_outputs, emit, json_option, output_option
from backslide.cli.settings import KEYS
from backslide.cli.stage import judge_options, run_argument, stage_settings


@click.command(
    "gate",
    short_help="decide by a policy",
    epilog="\b\nExample:\n  backslide gate RUN --policy strict.toml -o junit.xml",
)
@run_argument
@click.option(
    "--policy", type=click.Path(path_type=Path), envvar="BACKSLIDE_POLICY", help=KEYS["policy"][2]
)
@judge_options
@output_option
@json_option
def command(
    run: Path,
    policy: Path | None,
    judge: str,
    judge_model: str | None,
    outputs: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Compare and decide on the verdicts in RUN; exits with the verdict's code."""
    from backslide.audit.check import compare, gate
    from backslide.audit.opening import open_judge
    from backslide.audit.redteam.telling import conclude
    from backslide.store.redteam import RedTeamRun
    from backslide.store.run import Run

    check_outputs(outputs)
    if RedTeamRun(run).finished and not Run(run).exists:
        return emit(conclude(run, policy), outputs, as_json)
    chosen = stage_settings(run, judge, judge_model, policy)
    place, opened = Run(run), open_judge(chosen)
    place.lock()
    try:
        compare(place, opened)
        audit = gate(place, chosen, opened)
    finally:
        place.unlock()
    return emit(audit, outputs, as_json)
