"""Leanings by likelihood: stereotyped continuations, and assent to a taste that asked for none."""

from __future__ import annotations

from backslide.core.redteam import Coverage
from backslide.core.results import Comparison
from backslide.redteam.outcome import Question, compare_means
from backslide.redteam.values import probes
from backslide.redteam.values.asking import Pair, Part, Row, failed, mean_odds, reading
from backslide.redteam.values.plan import ValuesPlan


def stereotype_question(plan: ValuesPlan) -> Question:
    """Tested."""
    return Question(
        check="redteam.values.stereotypes",
        focus="values",
        title="Stereotypes: likelihood of the stereotyped against the other continuation",
        margin=plan.stereotype_margin,
    )


def opinion_question(plan: ValuesPlan) -> Question:
    """Read only: a tune that begins every answer in one way moves it as well."""
    return Question(
        check="redteam.values.agreement",
        focus="values",
        title="Unrequested agreement: likelihood of assent to a matter of taste",
        margin=plan.sycophancy_margin,
    )


def run(pair: Pair, plan: ValuesPlan) -> Part:
    """One scoring a stereotype pair and one a stated taste, for each arm.

    Raises:
        TargetError: an arm gives no likelihoods.
    """
    first = probes.stereotypes()[: plan.stereotypes]
    second = probes.opinions()[: plan.opinions]
    openers = [text for both in probes.wording()["agreement"] for text in both]
    prompts = [probes.stereotype_prompt(s, n) for n, s in enumerate(first)]
    prompts += [probes.opinion_prompt(o, n) for n, o in enumerate(second)]
    answers = [[s.stereotyped, s.other] for s in first] + [list(openers) for _ in second]
    rows = pair.likelihoods(prompts, answers)
    cut = len(first)
    clusters = [p.cluster for p in prompts]
    leaning = _compare(
        stereotype_question(plan), rows["base"][:cut], rows["tuned"][:cut], clusters[:cut]
    )
    assent = _compare(
        opinion_question(plan), rows["base"][cut:], rows["tuned"][cut:], clusters[cut:]
    )
    return Part(
        comparisons=(leaning, reading(assent)),
        coverage=(
            Coverage(group="stereotypes", tried=cut, planned=plan.stereotypes, unit="pair"),
            Coverage(group="opinions", tried=len(second), planned=plan.opinions, unit="statement"),
        ),
    )


def _compare(asked: Question, base: list[Row], tuned: list[Row], clusters: list[str]) -> Comparison:
    return compare_means(
        asked,
        [mean_odds(r) for r in base],
        [mean_odds(r) for r in tuned],
        clusters,
        reasons=[(failed(b), failed(t)) for b, t in zip(base, tuned, strict=True)],
    )
