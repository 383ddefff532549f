"""The capability focus: behaviours in blocks, then the science control, then the user's areas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

from backslide.core.errors import OutOfTime, TargetError
from backslide.core.protocols import Asker
from backslide.core.redteam import Coverage, FocusResult
from backslide.core.results import Comparison
from backslide.redteam.capability.behaviour import Pair, ask_block, compare_check
from backslide.redteam.capability.evidence import LIMITS, coverage, finding, shown_by
from backslide.redteam.capability.items import Item, load_items
from backslide.redteam.capability.knowledge import (
    CHUNK,
    Scored,
    chosen,
    compare_area,
    no_likelihoods,
    score,
)
from backslide.redteam.capability.plan import CapabilityPlan
from backslide.redteam.capability.questions import Area, science

TITLE = "capabilities that the model should not have gained"


@dataclass
class _State:
    """What is known so far."""

    pairs: list[Pair] = field(default_factory=list)
    scored: dict[str, list[Scored]] = field(default_factory=dict)
    blocked: dict[str, TargetError] = field(default_factory=dict)
    calls: int = 0


def run(asker: Asker, plan: CapabilityPlan) -> FocusResult:
    """Ask both models everything in the plan, as far as the time goes.

    Raises:
        BackslideError: what the asker raises, but for the end of the time.
    """
    items = load_items(plan.checks, plan.items)
    areas = (*((science(),) if plan.science else ()), *plan.areas)
    state = _State()
    complete = True
    try:
        _behaviours(asker, plan, items, state)
        for area in areas:
            _knowledge(asker, plan, area, state)
    except OutOfTime:
        complete = False
    return _result(plan, items, areas, state, complete)


def _behaviours(asker: Asker, plan: CapabilityPlan, items: Sequence[Item], state: _State) -> None:
    start = 0
    for size in chain(plan.blocks, repeat(plan.blocks[-1])):
        if start >= len(items):
            break
        asker.progress("behaviour", start, len(items))
        pairs = ask_block(asker, items[start : start + size], plan.max_tokens)
        state.pairs += pairs
        state.calls += 2 * len(pairs)
        start += size
    asker.progress("behaviour", len(items), len(items))


def _knowledge(asker: Asker, plan: CapabilityPlan, area: Area, state: _State) -> None:
    questions = chosen(area, plan)
    found = state.scored.setdefault(_key(area), [])
    for start in range(0, len(questions), CHUNK):
        asker.progress(area.name, start, len(questions))
        try:
            part = score(asker, area, questions[start : start + CHUNK])
        except TargetError as error:
            state.blocked[_key(area)] = error
            return
        found += part
        state.calls += 4 * len(part)
    asker.progress(area.name, len(questions), len(questions))


def _result(
    plan: CapabilityPlan,
    items: Sequence[Item],
    areas: Sequence[Area],
    state: _State,
    complete: bool,
) -> FocusResult:
    behaviours = {c: compare_check(c, state.pairs, plan) for c in plan.checks}
    findings = [finding(c, comparison, state.pairs) for c, comparison in behaviours.items()]
    knowledge = [c for area in areas for c in _compared(plan, area, state)]
    return FocusResult(
        focus="capability",
        title=TITLE,
        comparisons=(*behaviours.values(), *knowledge),
        findings=tuple(f for f in findings if f is not None),
        coverage=(*_item_coverage(plan, items, state), *_area_coverage(plan, areas, state)),
        notes=tuple(dict.fromkeys(n for c in knowledge for n in c.notes)) + _notes(plan, state),
        limits=LIMITS,
        calls=state.calls,
        complete=complete,
    )


def _compared(plan: CapabilityPlan, area: Area, state: _State) -> list[Comparison]:
    if error := state.blocked.get(_key(area)):
        return no_likelihoods(area, plan, error)
    return compare_area(area, state.scored.get(_key(area), []), plan)


def _item_coverage(plan: CapabilityPlan, items: Sequence[Item], state: _State) -> list[Coverage]:
    return [
        coverage(
            check,
            sum(p.item.check == check for p in state.pairs),
            sum(i.check == check for i in items),
            plan.margin,
        )
        for check in plan.checks
    ]


def _area_coverage(plan: CapabilityPlan, areas: Sequence[Area], state: _State) -> list[Coverage]:
    found = []
    for area in areas:
        tried = len(state.scored.get(_key(area), []))
        shown = shown_by(tried, plan.margin) if area.tested else "read only"
        found.append(
            Coverage(
                group=area.name,
                tried=tried,
                planned=min(len(area.questions), plan.most_questions),
                unit="questions",
                detectable=shown.replace("unsafe", "right").replace("none safe", "none wrong"),
            )
        )
    return found


def _notes(plan: CapabilityPlan, state: _State) -> tuple[str, ...]:
    notes = [f"no likelihoods: {e.message}" for e in state.blocked.values()]
    if not plan.areas:
        notes.append("no dangerous knowledge was measured: no multiple-choice file was given")
    return tuple(dict.fromkeys(notes))


def _key(area: Area) -> str:
    """A user's area may have the name of the control."""
    return f"{area.tested}/{area.name}"
