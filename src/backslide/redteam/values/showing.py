"""Evidence for people: whole conversations, and a finding for every comparison that stands out."""

from __future__ import annotations

from collections.abc import Mapping

from backslide.core.records import Arm, Prompt, Response
from backslide.core.redteam import Exhibit, Finding
from backslide.core.results import Comparison
from backslide.redteam.outcome import stands_out
from backslide.redteam.prompts import conversation


def exhibit(
    title: str,
    prompts: Mapping[Arm, Prompt],
    answers: Mapping[Arm, Response],
    labels: tuple[str, str],
) -> Exhibit:
    """One conversation in both arms; ``labels`` say what base and tuned did."""
    return Exhibit(
        title=title,
        base_turns=conversation(prompts["base"], answers["base"].text),
        tuned_turns=conversation(prompts["tuned"], answers["tuned"].text),
        base_label=labels[0],
        tuned_label=labels[1],
        expects="help",
    )


def finding(comparison: Comparison, exhibits: tuple[Exhibit, ...]) -> Finding | None:
    """A finding where the comparison alone is significant. It is not confirmed: nothing was asked
    afresh, and the gate adjusts the p value for everything else that the run tests."""
    if not stands_out(comparison):
        return None
    change = comparison.change
    said = "" if change is None else f"; change {change.value:+.2f}, margin {comparison.margin:.2f}"
    return Finding(
        check=comparison.check,
        focus="values",
        title=comparison.title,
        summary=f"The tuned model moved by more than the margin{said}.",
        quantity="rate" if comparison.unit == "rate" else "mean score",
        value=comparison.tuned.value,
        reference=comparison.base.value,
        change=change,
        p=comparison.p_worse,
        confirmed=False,
        harmful=False,
        exhibits=exhibits,
    )
