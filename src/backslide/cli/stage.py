"""What the commands on an existing run directory share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from backslide.cli.settings import KEYS
from backslide.core.errors import StoreError

run_argument = click.argument("run", type=click.Path(path_type=Path))


def judge_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The judge whose verdicts count, with the same names and variables as for a check."""
    for name, default in (("judge_model", None), ("judge", "rules")):
        command = click.option(
            f"--{name.replace('_', '-')}",
            default=default,
            envvar=f"BACKSLIDE_{name.upper()}",
            show_default=default is not None,
            help=KEYS[name][2],
        )(command)
    return command


def stage_settings(
    run: Path, judge: str, judge_model: str | None, policy: Path | None = None
) -> Any:
    """The settings of a stored run, with the judge and policy of this command.

    Raises:
        StoreError: no run there.
    """
    from backslide.audit.settings import Settings
    from backslide.store.run import Run

    place = Run(run)
    if not place.exists:
        raise StoreError(
            f"no run in {run}",
            cause="it has no manifest.json",
            hint="backslide check prints where its run directory is",
        )
    m = place.manifest()
    return Settings(
        base=m.base,
        tuned=m.tuned,
        plan=m.plan,
        suites=m.suites,
        judge=judge,
        judge_target=judge_model,
        policy=policy,
        run=run,
        dtype=m.dtype,
    )
