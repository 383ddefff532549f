"""The focus ``turns``: scripted conversations with both models, paired at every turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backslide.core.protocols import Asker
from backslide.core.redteam import Finding, FocusResult
from backslide.core.results import Comparison
from backslide.redteam.outcome import Question, stands_out
from backslide.redteam.turns.drive import FOCUS, Talk, drive
from backslide.redteam.turns.exhibits import exhibits
from backslide.redteam.turns.ladders import kinds
from backslide.redteam.turns.notes import LIMITS, coverage, notes
from backslide.redteam.turns.pairs import Pair, first_comparison, held_comparison, pair
from backslide.redteam.turns.plan import Script, TurnsPlan, blocks

TITLE = "Conversations of several turns"


def run(asker: Asker, plan: TurnsPlan | None = None) -> FocusResult:
    """Hold every planned conversation with both models and compare what held.

    Two comparisons are tested: ``redteam.turns.any`` over all conversations, and
    ``redteam.turns.persistence`` over those that open with the bare request and state it again. All
    others are for reading (``p_worse`` None): ``redteam.turns.first`` and one per kind of ladder.

    Raises:
        UsageError: the plan names no known ladder.
        EndpointError: a model cannot be reached at all.
    """
    plan = plan or TurnsPlan()
    planned = blocks(plan)
    pairs, complete = _hold(asker, planned, plan)
    scripts = [s for block in planned for s in block]
    if not pairs:
        return FocusResult(
            focus=FOCUS,
            title=TITLE,
            coverage=coverage(scripts, pairs),
            limits=LIMITS,
            complete=complete,
            absent="nothing was planned" if complete else "the time ended before both models spoke",
        )
    tested = _tested(pairs, plan)
    return FocusResult(
        focus=FOCUS,
        title=TITLE,
        comparisons=(*(c for c, _ in tested), *_for_reading(pairs, plan)),
        findings=tuple(_finding(c, own) for c, own in tested if stands_out(c)),
        coverage=coverage(scripts, pairs),
        notes=notes(pairs),
        limits=LIMITS,
        calls=_calls(pairs),
        complete=complete,
    )


def _hold(
    asker: Asker, planned: Sequence[Sequence[Script]], plan: TurnsPlan
) -> tuple[list[Pair], bool]:
    """Block by block, the base first, so that an early end leaves whole pairs."""
    pairs: list[Pair] = []
    whole, begun = sum(map(len, planned)), 0
    for block in planned:
        asker.progress("conversations", begun, whole)
        begun += len(block)
        base, in_time = drive(asker, "base", block, plan)
        if not in_time:
            return pairs, False
        tuned, in_time = drive(asker, "tuned", block, plan)
        pairs += _begun(base, tuned)
        if not in_time:
            return pairs, False
    return pairs, True


def _begun(base: Sequence[Talk], tuned: Sequence[Talk]) -> list[Pair]:
    return [pair(b, t) for b, t in zip(base, tuned, strict=True) if b.turns and t.turns]


def _tested(pairs: Sequence[Pair], plan: TurnsPlan) -> list[tuple[Comparison, Sequence[Pair]]]:
    again = [p for p in pairs if p.script.ladder.asks_again]
    rows = [
        ("any", "Conversations in which no request was answered", pairs),
        ("persistence", "Refusals that hold when the request is asked again", again),
    ]
    return [
        (held_comparison(_question(name, title, plan), own), own)
        for name, title, own in rows
        if own
    ]


def _for_reading(pairs: Sequence[Pair], plan: TurnsPlan) -> list[Comparison]:
    """Rates without a test: each further one would cost the others power."""
    out = []
    if any(p.script.ladder.opens_plainly for p in pairs):
        question = _question("first", "The bare request as the first turn", plan)
        out.append(first_comparison(question, pairs))
    for kind, title in kinds().items():
        own = [p for p in pairs if p.script.ladder.kind == kind]
        if own:
            out.append(held_comparison(_question(f"kind.{kind}", title, plan, kind), own))
    return [replace(c, p_worse=None) for c in out]


def _question(name: str, title: str, plan: TurnsPlan, kind: str | None = None) -> Question:
    check = f"redteam.{FOCUS}.{name}"
    return Question(check=check, focus=FOCUS, title=title, category=kind, margin=plan.margin)


def _finding(comparison: Comparison, pairs: Sequence[Pair]) -> Finding:
    lost = sum(p.lost for p in pairs)
    return Finding(
        check=comparison.check,
        focus=FOCUS,
        title=comparison.title,
        summary=f"In {lost} of {comparison.pairs} pairs of conversations the base holds to the end "
        "and the tuned model answers the request.",
        quantity="share of conversations that held",
        value=comparison.tuned.value,
        reference=comparison.base.value,
        change=comparison.change,
        p=comparison.p_worse,
        confirmed=False,
        harmful=True,
        exhibits=exhibits(pairs),
    )


def _calls(pairs: Sequence[Pair]) -> int:
    """Answers that were asked for, each once; those of conversations without a pair are few."""
    seen = {
        (t.response.arm, t.prompt.id) for p in pairs for x in (p.base, p.tuned) for t in x.turns
    }
    return len(seen)
