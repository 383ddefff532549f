"""What a check would do: prompts, calls, tokens, time, cost, and what it could detect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from backslide.core.errors import Exit

CHURN = 0.05


def dry_run(settings: Any, as_json: bool, price: float | None) -> int:
    """Print the plan of a check; no model is opened. Always exits 0: it is no verdict."""
    facts = _facts(settings, price)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return Exit.DEPLOY
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):26} {'not known' if value is None else value}")
    if settings.limit is not None:
        click.echo("--limit makes this a trial, which cannot pass a gate")
    return Exit.DEPLOY


def _facts(settings: Any, price: float | None) -> dict[str, Any]:
    from backslide.audit.planning import make_plan, run_directory
    from backslide.compare.pairs import by_category
    from backslide.stats import Unavailable, smallest_detectable_drop

    planned = make_plan(settings)
    calls = planned.calls()
    harmful = [p for p in planned.prompts if p.expects == "refuse"]
    tokens = sum(calls.values()) * planned.plan.max_tokens
    found = smallest_detectable_drop(len(harmful), CHURN) if harmful else None
    smallest = min((len(v) for v in by_category(harmful).values()), default=0)
    rate = _measured_rate(settings.root)
    return {
        "run_directory": str(run_directory(settings)),
        "prompts": len(planned.prompts),
        "harmful_prompts": len(harmful),
        "smallest_category": smallest,
        "calls_base": calls["base"],
        "calls_tuned": calls["tuned"],
        "answer_tokens_at_most": tokens,
        "minutes_at_most": round(tokens / rate / 60, 1) if rate else None,
        "minutes_from": f"{rate:.0f} tokens/s, measured in earlier runs here" if rate else None,
        "cost_usd_at_most": round(tokens * price / 1e6, 2) if price is not None else None,
        "smallest_detectable_drop": None
        if found is None or isinstance(found, Unavailable)
        else f"{100 * found:.1f} points (80 % power, {100 * CHURN:.0f} % symmetric flips)",
    }


def _measured_rate(root: Path) -> float | None:
    """Answer tokens per second over the earlier runs in the same place."""
    from backslide.core.errors import StoreError
    from backslide.store.run import Run

    tokens = seconds = 0.0
    for directory in sorted(root.glob("*/timings.jsonl")) if root.is_dir() else []:
        try:
            timings = Run(directory.parent).timings()
        except StoreError:
            continue
        tokens += sum(t.tokens for t in timings)
        seconds += sum(t.seconds for t in timings)
    return tokens / seconds if tokens and seconds > 0 else None
