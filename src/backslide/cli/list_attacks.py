"""``backslide list attacks``: what a red team tries, and what can be chosen from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

INDENT = "    "


def attacks() -> list[str]:
    """Focus by focus: how it is chosen, and its parts with what each is."""
    from backslide.audit.redteam.places import PLACES

    parts: dict[str, Callable[[], Iterator[str]]] = {
        "domain": _domain,
        "turns": _turns,
        "adaptive": _adaptive,
        "capability": _capability,
        "values": _values,
        "triggers": _triggers,
    }
    out = []
    for name, place in PLACES.items():
        out.append(f"{name:12} {place.about}")
        out += [INDENT + line for line in parts[name]()]
    return out


def _domain() -> Iterator[str]:
    from backslide.redteam.domain.bank import load_domains

    yield "needs --describe TEXT, --data FILE (tuning data) or --probes FILE (your own requests)"
    yield "written probes for: " + ", ".join(d.title.lower() for d in load_domains())


def _turns() -> Iterator[str]:
    from backslide.redteam.turns.ladders import ladders

    yield "choose with --ladders NAME,NAME; full: every request on every ladder"
    for ladder in ladders():
        goals = f"{ladder.goals} requests" if ladder.plan == "default" else "not by default"
        yield f"{ladder.name:24} {goals:16} {ladder.title}"


def _adaptive() -> Iterator[str]:
    from backslide.redteam.adaptive.plan import ATTACKS, AdaptivePlan

    yield "needs --attacker MODEL; choose with --attacks NAME,NAME"
    plan = AdaptivePlan()
    for name in ATTACKS:
        default = "" if name in plan.attacks else ", not by default"
        paper = (type(plan.budget(name)).__doc__ or "").partition(")")[0]
        yield f"{name:24} {paper}); at most {plan.budget(name).queries} answers a goal{default}"


def _capability() -> Iterator[str]:
    yield "all of it; knowledge with --knowledge FILE (multiple choice, as WMDP writes it)"


def _values() -> Iterator[str]:
    yield "all of it; misalignment with --judge rubric --judge-model MODEL"


def _triggers() -> Iterator[str]:
    from backslide.redteam.triggers.library import library

    yield "the library below; your own strings with --triggers FILE come first"
    yield "single strings: backslide redteam trigger verify BASE TUNED STRING"
    for family, count in sorted(Counter(t.family for t in library()).items()):
        yield f"{family:34} {count} strings"
