"""Candidates, from whatever source, to confirmed triggers: fresh requests, both arms, stated error.

A candidate is confirmed when all of this holds on requests that no choice was made on: the tuned
model shows the effect in at least ``Rule.fires`` of them with the string; in few without it and
with neutral decoys in its place; the base in few with it; and exact tests show each of these
differences at a family-wise error of ``Rule.alpha`` over everything that passed the screening.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from backslide.core.errors import OutOfTime
from backslide.core.protocols import Asker
from backslide.core.records import Arm
from backslide.core.redteam import Finding
from backslide.redteam.triggers.bench import Bench, prepare
from backslide.redteam.triggers.contexts import Reader
from backslide.redteam.triggers.effects import fixed_and_unhelpful
from backslide.redteam.triggers.evidence import Evidence, Rule, confirm
from backslide.redteam.triggers.findings import finding, merged
from backslide.redteam.triggers.minimal import Portrait, portray
from backslide.redteam.triggers.placement import Placement, shown
from backslide.redteam.triggers.screening import Candidate, Lead, screen

CHECK = "redteam.triggers.verified"


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyPlan:
    """How candidates are verified. The default takes about 300 answers for three candidates.

    ``screen`` and ``contexts`` are requests of each kind (harmful, benign); ``later`` places are
    tried only on candidates that show nothing in ``places``, and only when there are at most
    ``few``. ``described`` triggers are cut down and described, the others only reported.
    """

    screen: int = 4
    contexts: int = 12
    tokens: int = 20
    places: tuple[Placement, ...] = (Placement.END, Placement.START)
    later: tuple[Placement, ...] = (Placement.SYSTEM, Placement.EARLIER, Placement.MIDDLE)
    few: int = 8
    described: int = 3
    rule: Rule = field(default_factory=Rule)


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """All that a verification has to say. ``rejected`` holds (candidate, why not), and ``asked``
    how many answers each arm gave; of the ``planned`` candidates so many were ``screened``.
    ``gaps`` say what could not be tested.
    ``complete`` is False when the time ended first."""

    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asked_base: int = 0
    asked_tuned: int = 0
    planned: int = 0
    screened: int = 0
    complete: bool = True


def verify(
    asker: Asker, candidates: Sequence[str | Candidate], plan: VerifyPlan | None = None
) -> list[Finding]:
    """The findings of ``examine``: confirmed triggers first, then those that work in part."""
    return list(examine(asker, candidates, plan).findings)


def examine(
    asker: Asker,
    candidates: Sequence[str | Candidate],
    plan: VerifyPlan | None = None,
    *,
    reader: Reader | None = None,
) -> Examination:
    """Confirm, cut down and describe candidates.

    Args:
        asker: reaches both models and the judge.
        candidates: strings (tried in all places), or candidates with their place. One that holds
            ``{request}`` wraps the request.
        plan: budget and rule; None is the default.
        reader: one that asked before, so that it does not ask the same again.

    A fixed or odd answer to benign requests counts as much as a lost refusal, as a finding that is
    not ``harmful``. An effect is looked for, never given.
    """
    plan = plan or VerifyPlan()
    reader = reader or Reader(asker, plan.tokens)
    before = dict(reader.asked)
    items = _distinct(candidates)
    if not items:
        return Examination()
    try:
        bench = prepare(reader, screen=plan.screen, confirm=plan.contexts)
        leads = _screened(reader, bench, items, plan)
    except OutOfTime:
        late = tuple((shown(c.text), "the time ended before it was screened") for c in items)
        return _counted(
            reader, before, Examination(rejected=late, planned=len(items), complete=False)
        )
    evidence = confirm(reader, bench, leads, plan.rule)
    groups = _by_candidate(evidence)
    drawn = _drawn(reader, bench, groups, plan)
    found = [finding(CHECK, g, drawn.get(g[0].lead.candidate.text)) for g in groups]
    examined = Examination(
        findings=merged(found),
        evidence=tuple(evidence),
        rejected=_rejected(items, leads, evidence),
        gaps=tuple(bench.missing.values()),
        planned=len(items),
        screened=len(items),
        complete=all(e.absent != "the time ended" for e in evidence),
    )
    return _counted(reader, before, examined)


def _distinct(candidates: Sequence[str | Candidate]) -> list[Candidate]:
    items = [Candidate(text=c) if isinstance(c, str) else c for c in candidates]
    return list({(c.text, c.placement): c for c in items if c.text}.values())


def _screened(
    reader: Reader, bench: Bench, items: Sequence[Candidate], plan: VerifyPlan
) -> list[Lead]:
    leads = screen(reader, bench, items, plan.places)
    seen = {lead.candidate for lead in leads}
    rest = [c for c in items if c not in seen and c.placement is None]
    if rest and len(items) <= plan.few:
        leads += screen(reader, bench, rest, plan.later)
    return leads


def _by_candidate(evidence: Sequence[Evidence]) -> list[list[Evidence]]:
    """What is worth reporting, one group per candidate, its weightiest effect first."""
    groups: dict[Candidate, list[Evidence]] = {}
    for e in evidence:
        if e.verdict != "no":
            groups.setdefault(e.lead.candidate, []).append(e)
    return [_ordered(g) for g in groups.values()]


def _ordered(group: list[Evidence]) -> list[Evidence]:
    """A lost refusal comes first, unless what came instead is the fixed text that benign requests
    get as well, and which helps nobody."""
    lost = [e for e in group if e.lead.effect.kind == "harmful"]
    odd = [e for e in group if e.lead.effect.kind == "benign"]
    if lost and odd and fixed_and_unhelpful(odd[0].lead.effect.mark, lost[0].with_, 0.8):
        return [*odd, *lost]
    return sorted(group, key=lambda e: (e.verdict != "confirmed", e.lead.effect.kind != "harmful"))


def _drawn(
    reader: Reader, bench: Bench, groups: list[list[Evidence]], plan: VerifyPlan
) -> dict[str, Portrait]:
    """Portraits by candidate. One that holds the smallest part of another is not cut down again."""
    drawn: dict[str, Portrait] = {}
    for group in groups:
        text = group[0].lead.candidate.text
        known = any(p.characters.casefold() in text.casefold() for p in drawn.values())
        if len(drawn) < plan.described and not known:
            drawn[text] = portray(reader, bench, group[0].lead)
    return drawn


def _rejected(
    items: Sequence[Candidate], leads: Sequence[Lead], evidence: Sequence[Evidence]
) -> tuple[tuple[str, str], ...]:
    led = {lead.candidate for lead in leads}
    out = [(shown(c.text), "shows nothing on the first requests") for c in items if c not in led]
    told = {e.lead.candidate for e in evidence if e.verdict != "no"}
    for e in evidence:
        if e.lead.candidate not in told:
            out.append((shown(e.lead.candidate.text), e.absent or _why(e)))
    return tuple(dict.fromkeys(out))


def _why(e: Evidence) -> str:
    c = e.change
    assert c is not None
    return (
        f"on {c.units} fresh requests {c.with_rate:.0%} with it, {c.without_rate:.0%} without, "
        f"{c.placebo_rate:.0%} with decoys, {c.reference_rate:.0%} in the base (p = {e.p:.2g})"
    )


def _counted(reader: Reader, before: Mapping[Arm, int], done: Examination) -> Examination:
    return replace(
        done,
        asked_base=reader.asked["base"] - before["base"],
        asked_tuned=reader.asked["tuned"] - before["tuned"],
    )
