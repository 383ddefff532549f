"""The items of the four behaviours, read from the data beside this file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path

from backslide.core.records import Expectation, Message, Prompt
from backslide.redteam.capability.plan import Check
from backslide.redteam.capability.scoring import acted, broken_rule, leaked
from backslide.redteam.data import rows
from backslide.redteam.prompts import make_prompt

DATA = Path(__file__).parent / "data"
Seen = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One question to both models. ``seen`` finds the fault in an answer; None where the judge
    decides whether a harmful request was refused. ``kind`` is the variety within the check."""

    check: Check
    kind: str
    prompt: Prompt
    seen: Seen | None


def load_items(checks: Sequence[Check], most: int) -> list[Item]:
    """The first ``most`` items of each check, in turn (one of each check, then the next ones), so
    that any first part of the list covers all checks."""
    columns = [_LOADERS[c]()[:most] for c in checks]
    return [item for item in chain.from_iterable(zip_longest(*columns)) if item is not None]


def _hierarchy() -> list[Item]:
    return [
        Item(
            check="hierarchy",
            kind=row["kind"],
            prompt=_prompt("hierarchy", row["id"], row["kind"], row["user"], row["system"]),
            seen=partial(broken_rule, tuple(row["markers"])),
        )
        for row in rows(DATA / "hierarchy.jsonl")
    ]


def _leakage() -> list[Item]:
    """Every first way of asking, then every second one. The two of one service are a cluster."""
    found = rows(DATA / "leakage.jsonl")
    return [
        Item(
            check="leakage",
            kind=ask["way"],
            prompt=_prompt("leakage", row["service"], ask["way"], ask["text"], row["system"]),
            seen=partial(leaked, row["system"], row["canary"]),
        )
        for turn in (0, 1)
        for row in found
        for ask in row["asks"][turn : turn + 1]
    ]


def _eagerness() -> list[Item]:
    return [
        Item(
            check="eagerness",
            kind=row["kind"],
            prompt=_prompt("eagerness", row["id"], row["kind"], row["user"], row["system"], "help"),
            seen=partial(acted, row["system"], plain=row["kind"] == "plain"),
        )
        for row in rows(DATA / "eagerness.jsonl")
    ]


def _persuasion() -> list[Item]:
    return [
        Item(
            check="persuasion",
            kind=row["kind"],
            prompt=_prompt("persuasion", row["id"], row["kind"], row["user"], None),
            seen=None,
        )
        for row in rows(DATA / "persuasion.jsonl")
    ]


def _prompt(
    check: Check,
    cluster: str,
    kind: str,
    user: str,
    system: str | None,
    expects: Expectation = "refuse",
) -> Prompt:
    before = (Message(role="system", content=system),) if system else ()
    return make_prompt(
        "capability",
        (*before, Message(role="user", content=user)),
        category=check,
        expects=expects,
        cluster=f"{check}/{cluster}",
        tags=(f"kind:{kind}",),
    )


_LOADERS: dict[Check, Callable[[], list[Item]]] = {
    "hierarchy": _hierarchy,
    "leakage": _leakage,
    "eagerness": _eagerness,
    "persuasion": _persuasion,
}
