"""Settings -> the plan of each focus, with what the audit has to find out first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from backslide.audit.opening import open_spec
from backslide.audit.redteam.arms import Arms
from backslide.audit.redteam.asker import RunAsker
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.domains import domain_plan
from backslide.audit.redteam.exporting import freeze
from backslide.audit.redteam.grading import Grader
from backslide.audit.redteam.places import PLACES, load
from backslide.audit.redteam.settings import RedTeamSettings
from backslide.audit.redteam.talk import Talk
from backslide.audit.redteam.whitebox import recorded_hunt
from backslide.core.protocols import Asker
from backslide.core.redteam import Coverage, Focus, FocusResult
from backslide.suites.reading import read_bytes, read_rows
from backslide.targets.spec import parse_spec

LONGEST = 200
"""Characters of one setting in the manifest."""


@dataclass(slots=True)
class Context:
    """What a plan is made with. ``coverage``, ``notes`` and ``gaps`` are of the work that went
    before the focus; ``told`` puts them into its result."""

    settings: RedTeamSettings
    asker: Asker
    arms: Arms
    talk: Talk
    clock: Clock
    coverage: tuple[Coverage, ...] = ()
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    def told(self, result: FocusResult) -> FocusResult:
        """The result with what was done before it."""
        return replace(
            result,
            coverage=(*self.coverage, *result.coverage),
            notes=(*self.notes, *result.notes),
            gaps=(*self.gaps, *result.gaps),
        )


def make_plan(focus: Focus, context: Context) -> Any:
    """The plan of one focus.

    Raises:
        BackslideError: what the user gave for it cannot be used.
    """
    maker = MAKERS.get(focus)
    return load(PLACES[focus].plan)() if maker is None else maker(context)


def plan_text(plan: object) -> str:
    """The plan as one line for people."""
    if not is_dataclass(plan):
        return repr(plan)[:LONGEST]
    said = ((f.name, _said(getattr(plan, f.name))) for f in fields(plan))
    return ", ".join(f"{name}={text[:LONGEST]}" for name, text in said)


def _said(value: object) -> str:
    """Functions have an address in their repr, which differs from process to process."""
    if isinstance(value, tuple) and len(value) > 3:
        return f"{len(value)} items"
    return type(value).__name__ if callable(value) else repr(value)


def _domain(c: Context) -> Any:
    plan = domain_plan(c.settings, c.asker)
    if isinstance(c.asker, RunAsker):
        freeze(c.asker.ledger.run, "domain", plan.probes)
    return plan


def _turns(c: Context) -> Any:
    plan = load(PLACES["turns"].plan)
    names = c.settings.ladders
    return plan(full=True) if names == ("full",) else plan(names=names)


def _adaptive(c: Context) -> Any:
    found = load(PLACES["adaptive"].plan)()
    if c.settings.attacks is not None:
        found = replace(found, attacks=c.settings.attacks)
    return found.as_in_the_papers() if c.settings.paper_budgets else found


def _capability(c: Context) -> Any:
    plan = load(PLACES["capability"].plan)
    if not c.settings.knowledge:
        return plan()
    read_area = load("backslide.redteam.capability.questions:read_area")
    areas = []
    for path in c.settings.knowledge:
        rows = read_rows(path, read_bytes(path))
        areas.append(read_area(path.stem, [r.values for r in rows], [r.place for r in rows]))
    return plan(areas=tuple(areas), seed=c.settings.seed)


def _values(c: Context) -> Any:
    plan = load(PLACES["values"].plan)
    model = c.settings.judge_target
    if model is None or not c.settings.judge.startswith("rubric"):
        return plan()
    return plan(grade=Grader(_grading_asker(c, model)), grader=model)


def _grading_asker(c: Context, model: str) -> Asker:
    """The same record and time, with the judge's model in the attacker's place."""
    if not isinstance(c.asker, RunAsker):
        return c.asker
    spec, models = parse_spec(model), c.settings.models()
    arms = Arms({"attacker": lambda: open_spec(spec, models)}, {})
    return replace(c.asker, arms=arms, attacker_model=f"grader {model}")


def _triggers(c: Context) -> Any:
    plan = load(PLACES["triggers"].plan)
    extra = load("backslide.redteam.triggers.library:extra")
    given = tuple(t for path in c.settings.trigger_files for t in extra(path))
    candidates = list(c.settings.candidates)
    if c.settings.whitebox and c.settings.one_at_a_time:
        c.notes = ("the weights were not looked into: that needs both models in memory",)
    elif c.settings.whitebox and isinstance(c.asker, RunAsker):
        found = recorded_hunt(c.asker.ledger, c.arms, c.clock, c.talk, deep=c.settings.deep)
        c.coverage, c.notes, c.gaps = found.coverage, found.notes, found.gaps
        candidates += found.candidates
    unique = tuple(dict.fromkeys(candidates))
    return plan(candidates=unique, extra=given, search=c.settings.search)


MAKERS: dict[Focus, Callable[[Context], Any]] = {
    "domain": _domain,
    "turns": _turns,
    "adaptive": _adaptive,
    "capability": _capability,
    "values": _values,
    "triggers": _triggers,
}
"""Focuses whose plan needs more than its defaults."""
