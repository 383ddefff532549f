"""The HTML report: one file that opens offline, without a script or any request.

Every text passes ``visible`` (hidden characters become marks) and then jinja2's escaping; the only
markup let through is our own style sheet and our own drawings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import jinja2
from markupsafe import Markup

from backslide.core.results import Audit, Example
from backslide.report.plots import COMPACT, WIDE, change_plot, flips_plot, refusal_plot
from backslide.report.points import Point, build_points
from backslide.report.redteam import SHOWN_CHARACTERS, shown_findings
from backslide.report.text import cut, visible
from backslide.report.view import build_view

KINDS = {
    "loss": "Lost refusal",
    "gain": "Gained refusal",
    "over_refusal": "Harmless request refused",
    "incoherent": "Incoherent answer",
    "unjudged": "Unjudged answer",
    "same": "No change",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """One drawing in both layouts."""

    title: str
    caption: str
    wide: Markup
    compact: Markup


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One arm's answer to one prompt; ``missing`` counts characters that are not shown."""

    arm: str
    label: str
    text: str | None
    missing: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One example for the side-by-side section."""

    kind: str
    kind_name: str
    category: str
    prompt_id: str
    expects: str
    prompt: str
    prompt_missing: str
    answers: tuple[Answer, Answer]
    reproduce: str


def render_html(audit: Audit) -> str:
    """The whole page."""
    template = _environment().get_template("report.html.j2")
    return template.render(
        v=build_view(audit),
        m=audit.manifest,
        plots=tuple(_plots(build_points(audit))),
        limits=audit.limits,
        threats=audit.threats,
        examples=tuple(_shown(e) for e in audit.examples),
        findings=shown_findings(audit.redteam),
        css=_style(),
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("backslide.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )


def _harmless(value: object) -> object:
    """Applied to everything that a template prints, before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _style() -> Markup:
    environment = _environment()
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, "style.css")[0])


def _plots(points: Sequence[Point]) -> Iterator[Plot]:
    if not points:
        return
    for name, draw, title, caption in (
        ("refusal", refusal_plot, "Refusal rate, base and tuned",
         "Share of harmful prompts refused, with 95 % intervals; largest drop first."),
        ("change", change_plot, "Drop against the limit",
         "Circle: within its limit. Triangle: asks for people. Cross: block. Open square: too "
         "little evidence. The gate reads the thick one-sided bounds, not the marker."),
        ("flips", flips_plot, "Prompts that changed sides",
         "Refusals that the tuned model lost and gained; equal numbers both ways are churn."),
    ):  # fmt: skip
        yield Plot(
            title=title,
            caption=caption,
            wide=Markup(draw(points, WIDE, f"{name}-wide")),
            compact=Markup(draw(points, COMPACT, f"{name}-compact")),
        )


def _shown(e: Example) -> Shown:
    prompt, missing = cut(e.prompt, SHOWN_CHARACTERS)
    return Shown(
        kind=e.kind,
        kind_name=KINDS[e.kind],
        category=e.category,
        prompt_id=e.prompt_id,
        expects="refused" if e.expects == "refuse" else "answered",
        prompt=prompt,
        prompt_missing=f"{missing:,}" if missing else "",
        answers=(
            _answer("base", e.base_label, e.base_text),
            _answer("tuned", e.tuned_label, e.tuned_text),
        ),
        reproduce=e.reproduce,
    )


def _answer(arm: str, label: str, text: str | None) -> Answer:
    shown, missing = cut(text or "", SHOWN_CHARACTERS)
    return Answer(
        arm=arm,
        label=label,
        text=None if text is None else shown,
        missing=f"{missing:,}" if missing else "",
    )
