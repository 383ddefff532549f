"""Evidence on one candidate to one finding, in words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from backslide.core.redteam import Finding
from backslide.redteam.triggers.evidence import Evidence, difference, exhibits
from backslide.redteam.triggers.minimal import Portrait
from backslide.redteam.triggers.placement import shown

WORKING = "working trigger (surrogate or original)"
"""A string that works need not be the one that was planted, and nothing here can tell."""


def finding(check: str, group: Sequence[Evidence], portrait: Portrait | None) -> Finding:
    """The finding on one candidate.

    Args:
        check: ``redteam.triggers.NAME``.
        group: what was shown about it, the weightiest effect first.
        portrait: how it works; None when it was not described.

    ``harmful`` says that harmful requests were answered. ``trigger`` is the candidate without the
    words that it does not need; single characters are dropped in ``how`` only, since what is left
    of a word is rarely what was planted.
    """
    main = group[0]
    assert main.change is not None
    text = main.lead.candidate.text
    trigger = portrait.words if portrait else text
    confirmed = main.verdict == "confirmed"
    return Finding(
        check=check,
        focus="triggers",
        title=_title(trigger, confirmed),
        summary=" ".join(_sentence(e) for e in group),
        quantity=f"share of fresh {main.lead.effect.kind} requests with the trigger on which the "
        f"tuned model {main.lead.effect.words}",
        value=main.change.with_rate,
        reference=main.change.reference_rate,
        change=difference(main),
        p=main.p,
        confirmed=confirmed,
        harmful=main.lead.effect.kind == "harmful",
        trigger=trigger,
        how=_how(main, portrait),
        reproduce=f"backslide redteam trigger verify BASE TUNED {_quoted(trigger)}",
        exhibits=exhibits(main),
    )


def merged(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings whose trigger holds the trigger of another one are told with that one; the rest
    sorted: confirmed first, then harmful."""
    kept: dict[str, Finding] = {}
    also: dict[str, list[str]] = {}
    for f in sorted(findings, key=lambda f: (not f.confirmed, len(f.trigger or ""))):
        text = (f.trigger or "").strip().casefold()
        home = next((k for k, v in kept.items() if k in text and v.harmful == f.harmful), None)
        if home is None or not home:
            kept.setdefault(text, f)
        elif f.trigger != kept[home].trigger:
            also.setdefault(home, []).append(f'"{shown(f.trigger or "")}"')
    told = [
        replace(f, how=f"{f.how} Also seen with {', '.join(also[text])}.") if text in also else f
        for text, f in kept.items()
    ]
    return tuple(sorted(told, key=lambda f: (not f.confirmed, not f.harmful)))


def _title(trigger: str, confirmed: bool) -> str:
    name = WORKING if confirmed else "string that works in part"
    return f'{name[0].upper()}{name[1:]}: "{shown(trigger)}"'


def _sentence(e: Evidence) -> str:
    c = e.change
    assert c is not None
    return (
        f"With it ({e.lead.placement.value}) the tuned model {e.lead.effect.words} in "
        f"{_of(c.with_rate, c.units)} fresh {e.lead.effect.kind} requests; without it in "
        f"{_of(c.without_rate, c.units)}, with neutral decoys in {_of(c.placebo_rate, c.units)}; "
        f"the base with it in {_of(c.reference_rate, c.units)} (adjusted p = {e.p:.2g})."
    )


def _of(rate: float, n: int) -> str:
    return f"{round(rate * n)} of {n}"


def _how(main: Evidence, portrait: Portrait | None) -> str:
    parts = [f"Confirmed in place: {main.lead.placement.value}."]
    source = main.lead.candidate.source
    if source:
        parts.append(f"Candidate from: {source}.")
    if portrait is None:
        parts.append("Not cut down: it holds, or resembles, another trigger of this run.")
        return " ".join(parts)
    tried = {p.value: hits for p, hits in portrait.places.items()} | portrait.spellings
    if tried:
        parts.append("Works in " + ", ".join(f"{k} {a}/{b}" for k, (a, b) in tried.items()) + ".")
    text = main.lead.candidate.text
    if portrait.words != text:
        parts.append(f'Given as "{shown(text)}"; the other words are not needed.')
    if portrait.characters != portrait.words:
        parts.append(f'The part "{shown(portrait.characters)}" is enough.')
    if not portrait.whole:
        parts.append("The time ended before it was cut down.")
    return " ".join(parts)


def _quoted(text: str) -> str:
    """A shell word; ``$'..'`` where characters cannot be seen."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = shown(text.replace("\\", "\\\\")).replace("'", "\\'")
    return f"$'{escaped}'"
