"""``backslide check BASE TUNED``: the whole job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from backslide.cli.output import check_outputs, emit, json_option, output_option
from backslide.cli.settings import run_options, settings

EPILOG = """\b
Examples:
  backslide check meta-llama/Llama-3.2-1B-Instruct ./my-adapter
  backslide check base.gguf tuned.gguf --plan quick -o report.html
  backslide check embedded:aligned embedded:benign --suite xstest:xstest_prompts.csv
  backslide check openai/M@http://127.0.0.1:8000/v1 openai/T@http://127.0.0.1:8001/v1
  backslide check replay:base.jsonl replay:tuned.jsonl --suite my-prompts.csv
\b
BASE and TUNED: a hub id or directory; an adapter directory (put on BASE); a stack
ADAPTER+ADAPTER; a .gguf file; any Inspect provider; an OpenAI-compatible server
MODEL@URL; replay:FILE.jsonl; embedded:NAME. The same command resumes."""


def arm_options(command: Any) -> Any:
    """Options of a run beyond the configuration keys."""
    for option in (
        click.option(
            "--price",
            type=click.FloatRange(0),
            help="US dollars per million tokens of answers, to show the cost.",
        ),
        click.option(
            "--allow-base-mismatch",
            is_flag=True,
            help="Put the adapter on BASE although it records another base.",
        ),
        click.option("--retry-errors", is_flag=True, help="Ask again where an answer failed."),
        click.option(
            "--no-reuse",
            is_flag=True,
            help="Do not take answers of the same weights from another run.",
        ),
        click.option(
            "--limit",
            type=click.IntRange(1),
            help="Only N prompts: a trial, which cannot pass the gate.",
        ),
        click.option("--run", type=click.Path(path_type=Path), help="The run directory."),
    ):
        command = option(command)
    return command


@click.command("check", epilog=EPILOG, short_help="the whole job")
@click.argument("base")
@click.argument("tuned")
@run_options
@arm_options
@output_option
@json_option
@click.option("--dry-run", is_flag=True, help="Say what it would do and could detect, and stop.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(base: str, tuned: str, **values: Any) -> int:
    """Check TUNED against BASE: did it get less safe, and may it be deployed?"""
    outputs, as_json = values.pop("outputs"), values.pop("as_json")
    dry, quiet = values.pop("dry_run"), values.pop("quiet")
    check_outputs(outputs)
    chosen, price = arguments(base, tuned, values)
    if dry:
        from backslide.cli.dry_run import dry_run

        return dry_run(chosen, as_json, price)
    from backslide.audit.check import check
    from backslide.cli.progress import Live

    with Live(price, quiet) as live:
        audit = check(chosen, live)
    return emit(audit, outputs, as_json)


def arguments(base: str, tuned: str, values: dict[str, Any]) -> tuple[Any, float | None]:
    """All options of a run -> settings and price."""
    price = values.pop("price", None)
    reuse = not values.pop("no_reuse")
    return settings(base, tuned, values, reuse=reuse), price
