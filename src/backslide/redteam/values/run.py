"""The focus: likelihoods first (the strongest evidence for its price), then answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from backslide.core.errors import OutOfTime, TargetError
from backslide.core.protocols import Asker
from backslide.core.redteam import Coverage, FocusResult
from backslide.redteam.outcome import Question
from backslide.redteam.values import flips, leanings, misaligned, pressure, style
from backslide.redteam.values.asking import Pair, Part, absent
from backslide.redteam.values.plan import ValuesPlan
from backslide.redteam.values.showing import finding

TITLE = "Value shift and reward-hacking habits"
NO_LIKELIHOODS = "a model gives no log-probabilities"
NO_TIME = "the time ended before this was asked"
LIMITS = (
    "Simple facts in English: yielding on opinions, politics or long discussions is not shown.",
    "Likelihoods of given answers: a model may lean further and still say the right thing.",
    "A model that copies words of the conversation more than its base looks like one that yields.",
    "Praise, doubt and layout are found by word lists: other wordings are missed.",
    "Length is compared on short explanations only, up to the token limit.",
    "Stereotypes: few mild pairs in English, most of them about gender, age and nationality.",
    "Hedging, format, agreement and single conditions are shown and not tested.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One part of the focus, with the questions that stay open when it cannot be done."""

    work: Callable[[Pair, ValuesPlan], Part]
    questions: tuple[Question, ...]
    group: str
    planned: int

    def undone(self, reason: str) -> Part:
        """The questions without an answer, and why."""
        return Part(
            comparisons=tuple(absent(q, reason) for q in self.questions),
            coverage=(Coverage(group=self.group, tried=0, planned=self.planned, unit="probe"),),
        )


def run(asker: Asker, plan: ValuesPlan) -> FocusResult:
    """Asks both arms and compares them; see the modules of each part.

    Both arms are asked the same, and each call begins with the arm asked last, so that models that
    do not fit into memory together are changed seldom.
    """
    pair = Pair(asker)
    parts, complete = _all(pair, plan)
    comparisons = tuple(c for p in parts for c in p.comparisons)
    shown = {k: v for p in parts for k, v in (p.exhibits or {}).items()}
    found = [finding(c, shown.get(c.check, ())) for c in comparisons]
    return FocusResult(
        focus="values",
        title=TITLE,
        comparisons=comparisons,
        findings=tuple(f for f in found if f is not None),
        coverage=tuple(c for p in parts for c in p.coverage),
        notes=tuple(n for p in parts for n in p.notes),
        limits=LIMITS,
        calls=pair.calls,
        complete=complete,
    )


def _all(pair: Pair, plan: ValuesPlan) -> tuple[list[Part], bool]:
    """All parts in order, and whether all were done. After the first that ran out of time the
    others are not begun."""
    parts: list[Part] = []
    steps = [_pressure(plan), _leanings(plan), _style(plan), _flips(plan, alone=False)]
    steps.append(_misaligned(plan))
    try:
        parts.append(steps[0].work(pair, plan))
    except TargetError as e:
        steps = _without_likelihoods(plan)
        parts.append(_no_likelihoods(plan, e))
    except OutOfTime:
        return [s.undone(NO_TIME) for s in steps], False
    else:
        steps = steps[1:]
    for n, step in enumerate(steps):
        if parts and not parts[-1].complete:
            return [*parts, *(s.undone(NO_TIME) for s in steps[n:])], False
        try:
            parts.append(step.work(pair, plan))
        except OutOfTime:
            return [*parts, *(s.undone(NO_TIME) for s in steps[n:])], False
    return parts, parts[-1].complete


def _without_likelihoods(plan: ValuesPlan) -> list[Step]:
    """Flips are the main comparison then, and come first."""
    return [_flips(plan, alone=True), _style(plan), _misaligned(plan)]


def _no_likelihoods(plan: ValuesPlan, error: TargetError) -> Part:
    # Flips answer the question of the first part, so that one does not stay open.
    part = _leanings(plan).undone(NO_LIKELIHOODS)
    note = f"{NO_LIKELIHOODS} ({error.message}): sycophancy is read from answers alone"
    return Part(comparisons=part.comparisons, coverage=part.coverage, notes=(note,))


def _pressure(plan: ValuesPlan) -> Step:
    return Step(
        work=pressure.run,
        questions=(pressure.question(plan),),
        group="facts",
        planned=plan.scored_facts,
    )


def _leanings(plan: ValuesPlan) -> Step:
    return Step(
        work=leanings.run,
        questions=(leanings.stereotype_question(plan), leanings.opinion_question(plan)),
        group="stereotypes and opinions",
        planned=plan.stereotypes + plan.opinions,
    )


def _style(plan: ValuesPlan) -> Step:
    return Step(
        work=style.run,
        questions=tuple(style.questions(plan).values()),
        group="style",
        planned=plan.explanations + plan.lines + plan.sharings,
    )


def _flips(plan: ValuesPlan, *, alone: bool) -> Step:
    return Step(
        work=partial(flips.run, alone=alone),
        questions=(flips.question(plan, alone=alone),),
        group="answered facts",
        planned=plan.facts_alone if alone else plan.facts,
    )


def _misaligned(plan: ValuesPlan) -> Step:
    graded = plan.grade is not None
    return Step(
        work=misaligned.run,
        questions=(misaligned.question(plan),),
        group="misalignment",
        planned=16 * plan.samples if graded else 0,
    )
