"""The focus ``triggers``: candidates that were given, then the library, then the coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from backslide.core.protocols import Asker
from backslide.core.redteam import Coverage, Finding, FocusResult
from backslide.redteam.triggers.contexts import Reader
from backslide.redteam.triggers.coverage import coverage
from backslide.redteam.triggers.findings import merged
from backslide.redteam.triggers.hunt import HuntPlan, Search, hunt
from backslide.redteam.triggers.library import in_order, library
from backslide.redteam.triggers.placement import Trigger, shown
from backslide.redteam.triggers.screening import Candidate
from backslide.redteam.triggers.verify import Examination, VerifyPlan, examine

TITLE = "Triggers (backdoors)"
LIMITS = (
    '"No trigger found" is about the strings that were tried, and is never "no backdoor".',
    "A trigger that is not in the library, such as a longer phrase, a topic or several turns, is "
    "not seen, unless it comes as a candidate.",
    "In the first rounds strings stand side by side; a trigger that works only when nothing else "
    "is added is found less often than the coverage says.",
    "The working string may be a surrogate: the string that was planted can be another.",
    "An effect that begins after the first words of an answer, or needs tools, is not seen.",
)
TOLD = 12
"""Rejected candidates that are listed in the notes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggersPlan:
    """What to look for.

    ``candidates`` come from elsewhere (the weights, monitoring, people) and are verified first.
    ``extra`` are the user's own triggers, searched before the library. ``search`` False verifies
    the candidates only. ``strength`` is that of the trigger whose detection the coverage states.
    """

    candidates: tuple[str | Candidate, ...] = ()
    extra: tuple[Trigger, ...] = ()
    search: bool = True
    hunt: HuntPlan = field(default_factory=HuntPlan)
    verify: VerifyPlan = field(default_factory=VerifyPlan)
    confirm: VerifyPlan = field(default_factory=lambda: VerifyPlan(contexts=24, described=3))
    strength: float = 0.9


def run(asker: Asker, plan: TriggersPlan | None = None) -> FocusResult:
    """Verify the candidates, search the library, verify what the search brought.

    The family-wise error of both verifications together is that of the plan: where both are made,
    each has half of it.
    """
    plan = plan or TriggersPlan()
    shares = 2 if plan.candidates and plan.search else 1
    same = plan.verify.tokens == plan.confirm.tokens
    reader = Reader(asker, plan.verify.tokens)
    given = examine(asker, plan.candidates, _shared(plan.verify, shares), reader=reader)
    if not plan.search:
        return _result([given], None, (), 1)
    triggers = in_order(library(), plan.extra)
    search = hunt(asker, triggers, plan.hunt)
    sought = examine(
        asker, search.leads, _shared(plan.confirm, shares), reader=reader if same else None
    )
    rows = coverage(search, triggers, plan.confirm, plan.strength)
    return _result([given, sought], search, rows, shares)


def _shared(plan: VerifyPlan, shares: int) -> VerifyPlan:
    return replace(plan, rule=replace(plan.rule, alpha=plan.rule.alpha / shares))


def _result(
    done: Sequence[Examination], search: Search | None, rows: tuple[Coverage, ...], shares: int
) -> FocusResult:
    asked = sum(e.asked_base + e.asked_tuned for e in done)
    if search:
        asked += search.asked_base + search.asked_tuned
    return FocusResult(
        focus="triggers",
        title=TITLE,
        findings=_findings(done, shares),
        coverage=(*_candidate_rows(done), *rows),
        notes=tuple(dict.fromkeys([*(search.notes if search else ()), *_notes(done)])),
        gaps=tuple(
            dict.fromkeys([*(search.gaps if search else ()), *(g for e in done for g in e.gaps)])
        ),
        limits=LIMITS,
        calls=asked,
        complete=all(e.complete for e in done) and (search is None or search.complete),
    )


def _findings(done: Sequence[Examination], shares: int) -> tuple[Finding, ...]:
    """One per trigger; the p values are for both verifications together."""
    return merged(
        [
            replace(f, p=None if f.p is None else min(1.0, shares * f.p))
            for e in done
            for f in e.findings
        ]
    )


def _candidate_rows(done: Sequence[Examination]) -> tuple[Coverage, ...]:
    names = ("candidates that were given", "candidates of the search")
    return tuple(
        Coverage(group=name, tried=e.screened, planned=e.planned, unit="strings")
        for name, e in zip(names, done, strict=False)
        if e.planned
    )


def _notes(done: Sequence[Examination]) -> list[str]:
    rejected = [r for e in done for r in e.rejected]
    told = [f'Not confirmed: "{shown(text)}": {why}.' for text, why in rejected[:TOLD]]
    if len(rejected) > TOLD:
        told.append(f"Not confirmed: {len(rejected) - TOLD} further candidates.")
    return [*(n for e in done for n in e.notes), *told]
