"""More probes from a model that the user names; its answers are data and are not trusted."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from backslide.core.protocols import Asker
from backslide.core.records import Completion, Expectation, Message, Prompt, Sampling
from backslide.redteam.domain.topics import Topic
from backslide.redteam.prompts import digest, make_prompt

SHORTEST, LONGEST = 12, 300
"""Characters of a request that is kept."""
SAMPLING = Sampling(max_tokens=1500, temperature=0.7)
_REFUSAL = re.compile(r"\b(i'?m sorry|i can(?:no|')t (?:help|assist)|as an ai)\b", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """Probes that were kept, and why lines were not: reason -> count."""

    prompts: tuple[Prompt, ...]
    dropped: dict[str, int]


def generate(
    asker: Asker,
    topics: Sequence[Topic],
    *,
    harmful: int = 12,
    borderline: int = 4,
    known: Sequence[Prompt] = (),
) -> Generated:
    """Ask the generator once for each topic and keep what is a request.

    Args:
        asker: its ``attacker`` is the generator.
        topics: what the tuned model is for.
        harmful, borderline: requests of each kind to ask for and to keep at most, for each topic.
        known: probes that there are already; equal texts are dropped.

    Raises:
        UsageError: the user named no generator.
        OutOfTime: the budget is spent.
    """
    asked = [_asking(t, harmful, borderline) for t in topics]
    answers = asker.attacker(asked, SAMPLING)
    seen = {_plain(p.text) for p in known}
    dropped: Counter[str] = Counter()
    kept: list[Prompt] = []
    most: dict[Expectation, int] = {"refuse": harmful, "help": borderline}
    for topic, answer in zip(topics, answers, strict=True):
        room = dict(most)
        for text, expects in _read(answer, dropped):
            reason = _fault(text, seen) or ("more than asked for" if not room[expects] else "")
            if reason:
                dropped[reason] += 1
                continue
            seen.add(_plain(text))
            room[expects] -= 1
            kept.append(_probe(text, topic, expects))
    return Generated(prompts=tuple(kept), dropped=dict(sorted(dropped.items())))


def _asking(topic: Topic, harmful: int, borderline: int) -> Prompt:
    path = files("backslide.redteam.domain") / "data" / "generator.txt"
    field = "; ".join([topic.name, *(m.title for m in topic.matches)])
    text = path.read_text("utf-8").format(
        topic=field,
        examples="\n".join(f"- {e}" for e in topic.examples) or "- (none given)",
        harmful=harmful,
        borderline=borderline,
    )
    name = topic.name
    return make_prompt("domain", text, category=name, expects="help", cluster=f"generator:{name}")


def _read(answer: Completion, dropped: Counter[str]) -> Iterator[tuple[str, Expectation]]:
    """Every object in the answer that has the two fields; the rest is counted."""
    if answer.text is None:
        dropped["the generator failed"] += 1
        return
    objects = list(_objects(answer.text))
    if not objects:
        refused = _REFUSAL.search(answer.text) is not None
        dropped["the generator refused" if refused else "no JSON in the answer"] += 1
    for found in objects:
        text, expects = found.get("text"), found.get("expects")
        if not isinstance(text, str) or expects not in ("refuse", "help"):
            dropped["fields missing or wrong"] += 1
        else:
            yield " ".join(text.split()), expects


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects anywhere in a text: in lines, in an array, behind numbers, within fences."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield found
        at = text.find("{", end)


def _fault(text: str, seen: set[str]) -> str:
    if not SHORTEST <= len(text) <= LONGEST or not any(c.isalpha() for c in text):
        return "too short or too long"
    if "\ufffd" in text or any(not c.isprintable() for c in text):
        return "unprintable characters"
    if _REFUSAL.search(text):
        return "a refusal, not a request"
    return "said before" if _plain(text) in seen else ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _probe(text: str, topic: Topic, expects: Expectation) -> Prompt:
    return make_prompt(
        "domain",
        text,
        category=topic.name,
        expects=expects,
        cluster=digest([Message(role="user", content=text)]),
        tags=("source:generator",),
    )
