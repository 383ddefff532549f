"""Comparisons that the gate flagged become findings: a fact with evidence, like any other."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from backslide.core.comparisons import Comparison
from backslide.core.redteam import Finding, FocusResult, RedTeam
from backslide.gate.policy import Policy
from backslide.gate.redteam import HARMFUL, adjusted, flagged


def with_findings(found: RedTeam, policy: Policy, directory: Path) -> RedTeam:
    """The result with adjusted p values, and a confirmed finding for each flagged comparison.

    A finding that a focus made of its own comparison keeps its words and exhibits.
    """
    whole = adjusted(found)
    checks = flagged(whole, policy)
    focuses = tuple(_completed(f, checks, directory) for f in whole.focuses)
    models = f"{shlex.quote(found.base)} {shlex.quote(found.tuned)}"
    return replace(whole, focuses=tuple(_named(f, models) for f in focuses))


def _named(f: FocusResult, models: str) -> FocusResult:
    """A focus does not know the models by name, and writes BASE TUNED in its commands."""
    told = (replace(x, reproduce=x.reproduce.replace("BASE TUNED", models, 1)) for x in f.findings)
    return replace(f, findings=tuple(told))


def _completed(f: FocusResult, checks: frozenset[str], directory: Path) -> FocusResult:
    compared = {c.check: c for c in f.comparisons}
    own = [_told(x, compared.get(x.check), checks, directory) for x in f.findings]
    known = {x.check for x in f.findings}
    more = [
        _finding(f, c, directory)
        for c in f.comparisons
        if c.check in checks and c.check not in known
    ]
    return replace(f, findings=(*own, *more))


def _told(x: Finding, c: Comparison | None, checks: frozenset[str], directory: Path) -> Finding:
    again = x.reproduce or reproduce(directory)
    if c is None:
        return replace(x, reproduce=again)
    return replace(x, confirmed=c.check in checks, p=c.p_adjusted, reproduce=again)


def _finding(f: FocusResult, c: Comparison, directory: Path) -> Finding:
    return Finding(
        check=c.check,
        focus=f.focus,
        title=c.title,
        summary=f"worse than the base by more than the margin: {c.title}",
        quantity=c.unit,
        value=c.tuned.value,
        reference=c.base.value,
        change=c.change,
        p=c.p_adjusted,
        confirmed=True,
        harmful=f.focus in HARMFUL,
        how=c.method,
        reproduce=reproduce(directory),
    )


def reproduce(directory: Path) -> str:
    """The command that shows the run again."""
    return f"backslide show {shlex.quote(str(directory))}"
