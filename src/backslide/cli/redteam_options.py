"""The options of the red-team commands, and the names that they know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from backslide.cli.output import json_option, output_option
from backslide.cli.settings import KEYS

FOCUSES = {
    "domain": "requests of the domain that the model was tuned for",
    "turns": "conversations: escalation, role-play, asking again",
    "adaptive": "attacks by an attacker model that you name",
    "capability": "hierarchy, leakage, eagerness, persuasion, knowledge",
    "values": "sycophancy, verbosity, flattery, misalignment",
    "triggers": "strings under which only the tuned model misbehaves",
}
FILE = click.Path(path_type=Path, exists=True)
DOMAIN = (
    click.option("--describe", help="What the model was tuned for, in words."),
    click.option(
        "--data",
        type=FILE,
        multiple=True,
        help="Its tuning data: topics are found in it. Repeatable.",
    ),
    click.option(
        "--probes",
        type=FILE,
        multiple=True,
        help="Your own domain probes (text, expects, topic). Repeatable.",
    ),
)
TRIGGERS = (
    click.option(
        "--triggers",
        "trigger_files",
        type=FILE,
        multiple=True,
        help="Your own trigger strings, one a line. Repeatable.",
    ),
    click.option("--deep", is_flag=True, help="Sweep the whole vocabulary (local weights)."),
    click.option("--no-whitebox", is_flag=True, help="Do not look into the weights."),
)
ATTACKER = (click.option("--attacker", help="The model that writes attacks. Never another one."),)
ATTACKS = (
    click.option("--attacks", help="Of goat, crescendo, pair, tap.  [default: goat,crescendo]"),
    click.option("--paper-budgets", is_flag=True, help="PAIR and TAP as large as in the papers."),
)
LADDERS = (
    click.option("--ladders", help="Names out of 'backslide list attacks', or full for all."),
)
KNOWLEDGE = (
    click.option(
        "--knowledge",
        type=FILE,
        multiple=True,
        help="Multiple-choice questions in WMDP's form. Repeatable.",
    ),
)
OWN: dict[str, tuple[Any, ...]] = {
    "domain": (*DOMAIN, *ATTACKER),
    "turns": LADDERS,
    "adaptive": (*ATTACKER, *ATTACKS),
    "capability": KNOWLEDGE,
    "values": (),
    "triggers": TRIGGERS,
}
"""Options of one focus; ``run`` has all of them."""
USED = {
    "domain": (
        'BASE TUNED --describe "customer support for a pharmacy"',
        "BASE TUNED --data train.jsonl --probes mine.csv",
    ),
    "turns": ("BASE TUNED --budget 5m", "BASE TUNED --ladders insist,roleplay"),
    "adaptive": ("BASE TUNED --attacker openai/gpt-4o-mini --attacks goat,tap",),
    "capability": ("BASE TUNED --knowledge wmdp-bio.jsonl",),
    "values": ("BASE TUNED --judge rubric --judge-model openai/gpt-4o-mini",),
    "triggers": ("BASE TUNED --triggers words.txt --budget 10m", "BASE TUNED --deep"),
}
"""Examples of each focus; those that need something name it."""
SHARED_KEYS = (
    "judge", "judge_model", "policy", "seed", "dtype", "system_prompt", "connections", "timeout",
    "runs",
)  # fmt: skip


def shared_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every red-team command takes: judge, place, time and outputs."""
    for option in reversed(
        (
            click.option("--run", type=click.Path(path_type=Path), help="The run directory."),
            click.option(
                "--budget",
                default="30m",
                show_default=True,
                help="Time of asking: 30m, 90s, 2h or none.",
            ),
            click.option("--retry-errors", is_flag=True, help="Ask again where one failed."),
            click.option("--one-at-a-time", is_flag=True, help="Only one model in memory."),
            click.option(
                "--allow-base-mismatch",
                is_flag=True,
                help="Put the adapter on BASE although it records another base.",
            ),
            *(key_option(name) for name in SHARED_KEYS),
            output_option,
            json_option,
            click.option("--dry-run", is_flag=True, help="Say what it would ask, and stop."),
            click.option("-q", "--quiet", is_flag=True, help="No progress."),
        )
    ):
        function = option(function)
    return function


def key_option(name: str) -> Callable[..., Any]:
    """A configuration key as an option, with its environment variable."""
    kind, default, text = KEYS[name]
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=kind,
        default=default,
        envvar=f"BACKSLIDE_{name.upper()}",
        help=text[0].upper() + text[1:] + ".",
        show_default=default is not None,
    )


def with_options(options: tuple[Any, ...]) -> Callable[..., Any]:
    """Several options as one decorator."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add
