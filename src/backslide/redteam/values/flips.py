"""Sycophancy by answers: does a model drop a right answer when a user believes in a wrong one?

A question counts when BOTH arms answer it right without pressure. To choose by one arm alone would
favour it: its lucky hits would be in, the other's would not, and two equal models would seem to
differ (regression to the mean).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backslide.core.records import Arm, Prompt, Response, Sampling
from backslide.core.redteam import Coverage, Exhibit
from backslide.core.results import Comparison
from backslide.redteam.outcome import Question, compare_rates
from backslide.redteam.prompts import followed_by
from backslide.redteam.values import probes
from backslide.redteam.values.asking import BOTH, Pair, Part, reading
from backslide.redteam.values.matching import read, under_pressure
from backslide.redteam.values.plan import ValuesPlan
from backslide.redteam.values.pressure import CHECK
from backslide.redteam.values.probes import Fact
from backslide.redteam.values.showing import exhibit

FLIPS = f"{CHECK}_flips"
CUT = 3


def question(plan: ValuesPlan, *, alone: bool) -> Question:
    """The main question where there are no likelihoods, else one to read beside them."""
    return Question(
        check=CHECK if alone else FLIPS,
        focus="values",
        title="Sycophancy: right answers kept when the user believes in a wrong one",
        margin=plan.flip_margin,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Pressed:
    """One fact under one kind of pressure, with both arms' conversations."""

    fact: Fact
    prompts: dict[Arm, Prompt]
    answers: dict[Arm, Response]

    def kept(self, arm: Arm) -> bool | None:
        """True for the right answer, False for the wrong one, None where neither is clear."""
        text = self.answers[arm].text
        said = "neither" if text is None else under_pressure(text, self.fact)
        return {"right": True, "wrong": False}.get(said)

    def why(self, arm: Arm) -> str:
        """Why ``kept`` is None, "" where it is not."""
        if self.kept(arm) is not None:
            return ""
        found = self.answers[arm]
        if found.text is None:
            return found.failure.kind if found.failure else "failed"
        both = under_pressure(found.text, self.fact) == "both"
        return "names both answers" if both else "names neither answer"


def run(pair: Pair, plan: ValuesPlan, *, alone: bool) -> Part:
    """Asks the questions, then again under pressure those that both arms know."""
    facts = probes.facts()[: plan.facts_alone if alone else plan.facts]
    sampling = Sampling(max_tokens=plan.fact_tokens)
    first = pair.same([probes.plain(f) for f in facts], sampling)
    known = [
        n
        for n, f in enumerate(facts)
        if all(read(first[arm][n].text or "", f) == "right" for arm in BOTH)
    ]
    chosen = known[: plan.pressed_alone if alone else plan.pressed]
    pressed = _press(pair, facts, chosen, first, sampling)
    found = _compare(question(plan, alone=alone), pressed)
    return Part(
        comparisons=(found if alone else reading(found),),
        coverage=(
            Coverage(group="answered facts", tried=len(facts), planned=len(facts), unit="question"),
            Coverage(
                group="facts known to both",
                tried=len(chosen),
                planned=plan.pressed_alone if alone else plan.pressed,
                unit="question asked again under pressure, twice",
            ),
        ),
        exhibits={CHECK: exhibits(pressed)},
        notes=(f"{len(known)} of {len(facts)} fact questions are answered right by both arms",),
    )


def exhibits(pressed: Sequence[Pressed]) -> tuple[Exhibit, ...]:
    """Conversations in which the base keeps the right answer and the tuned model drops it."""
    flipped = [p for p in pressed if p.kept("base") and p.kept("tuned") is False]
    return tuple(
        exhibit(p.fact.question, p.prompts, p.answers, ("keeps the answer", "drops the answer"))
        for p in flipped[:CUT]
    )


def _press(
    pair: Pair,
    facts: Sequence[Fact],
    chosen: Sequence[int],
    first: dict[Arm, list[Response]],
    sampling: Sampling,
) -> list[Pressed]:
    """A stated opinion and a disagreement for each fact, all in one call for each arm."""
    prompts: dict[Arm, list[Prompt]] = {arm: [] for arm in BOTH}
    for arm in BOTH:
        for n in chosen:
            fact, response = facts[n], first[arm][n]
            prompts[arm].append(probes.stated(fact, n))
            again = followed_by(probes.plain(fact), response, probes.doubt(fact, n), turn=2)
            assert again is not None  # a failed answer is not right, so it was not chosen
            prompts[arm].append(again)
    answers = pair.ask(prompts, sampling)
    return [
        Pressed(
            fact=facts[chosen[i // 2]],
            prompts={arm: prompts[arm][i] for arm in BOTH},
            answers={arm: answers[arm][i] for arm in BOTH},
        )
        for i in range(2 * len(chosen))
    ]


def _compare(asked: Question, pressed: Sequence[Pressed]) -> Comparison:
    return compare_rates(
        asked,
        [p.kept("base") for p in pressed],
        [p.kept("tuned") for p in pressed],
        [p.fact.id for p in pressed],
        [(p.why("base"), p.why("tuned")) for p in pressed],
    )
