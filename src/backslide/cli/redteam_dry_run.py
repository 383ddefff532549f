"""What a red team would do: calls, tokens and time of each focus. No model is opened."""

from __future__ import annotations

import json
from typing import Any

import click

from backslide.core.errors import Exit
from backslide.report.text import one_line


def dry_run(settings: Any, as_json: bool) -> int:
    """Print the plan of each focus. Always exits 0: it is no verdict."""
    facts = _facts(settings)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return Exit.DEPLOY
    click.echo(f"run directory  {facts['run_directory']}")
    budget = facts["budget_seconds"]
    click.echo(f"budget         {'none' if budget is None else f'{budget:.0f} s of asking'}")
    for row in facts["focuses"]:
        click.echo(one_line(_line(row)))
    rate = facts["tokens_per_second"]
    click.echo(
        f"minutes at {rate:.0f} tokens/s, measured in earlier runs here"
        if rate
        else "minutes are not known: nothing was measured here yet"
    )
    return Exit.DEPLOY


def _line(row: dict[str, Any]) -> str:
    if row["absent"]:
        return f"{row['focus']:12} would not run: {row['absent']}"
    minutes = row["minutes_at_most"]
    more = f", attacker {row['calls_attacker']}" if row["calls_attacker"] else ""
    more += f", {row['scored']:,} answers scored" if row["scored"] else ""
    time = "" if minutes is None else f", at most {minutes:.1f} minutes"
    return (
        f"{row['focus']:12} base {row['calls_base']:,}, tuned {row['calls_tuned']:,}{more}; "
        f"at most {row['tokens_at_most']:,} tokens{time}"
    )


def _facts(settings: Any) -> dict[str, Any]:
    import msgspec

    from backslide.audit.redteam.counting import estimate

    rate = measured_rate(settings)
    rows = [msgspec.to_builtins(estimate(settings, f)) for f in settings.chosen()]
    for row in rows:
        row["minutes_at_most"] = round(row["tokens_at_most"] / rate / 60, 1) if rate else None
    return {
        "run_directory": str(settings.directory()),
        "budget_seconds": settings.budget,
        "tokens_per_second": rate,
        "focuses": rows,
    }


def measured_rate(settings: Any) -> float | None:
    """New tokens per second over earlier checks and red teams in the same place."""
    from backslide.core.errors import StoreError
    from backslide.store.redteam import RedTeamRun
    from backslide.store.run import Run

    tokens = seconds = 0.0
    root = settings.root
    for directory in sorted(root.iterdir()) if root.is_dir() else []:
        try:
            spent = [s for s in RedTeamRun(directory).lines("timings") if s.tokens]
            rows = [*Run(directory).timings(), *spent]
        except StoreError:
            continue
        tokens += sum(t.tokens for t in rows)
        seconds += sum(t.seconds for t in rows)
    return tokens / seconds if tokens and seconds > 0 else None
