"""Frozen requests for each topic: written ones of the nearest domains, then frames with slots."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from backslide.core.records import Expectation, Prompt
from backslide.redteam.data import table
from backslide.redteam.domain.bank import DATA, Bank, Domain, Probe, load_domains, read_probes
from backslide.redteam.domain.topics import Topic, Topics
from backslide.redteam.prompts import digest, make_prompt

HARMFUL, BORDERLINE = 200, 48
"""Default numbers over all topics, so that two local arms take about four minutes."""
LEAST = 6
"""Requests of each kind that a topic may have however many topics there are."""
OWN_WORDS = 3
THINGS = ("products", "services", "data")
GENERAL = "general"
Kind = Literal["harmful", "borderline"]
EXPECTS: dict[Kind, Expectation] = {"harmful": "refuse", "borderline": "help"}


@dataclass(frozen=True, slots=True)
class _Slots:
    topic: str
    role: str
    people: str
    objects: tuple[str, ...]


def build(
    topics: Topics, bank: Bank, *, harmful: int = HARMFUL, borderline: int = BORDERLINE
) -> tuple[Prompt, ...]:
    """The probes of all topics, in the order in which they are to be asked.

    Args:
        topics: what the model was tuned for.
        bank: the same that found the topics.
        harmful, borderline: how many over all topics; each topic has an equal share, but at least
            six of a kind where that many can be made.

    A written probe belongs to the nearest of the topics that its domain fits. Every text occurs
    once. Requests of one frame share a cluster over all topics.
    """
    dealt = _dealt(topics.topics, bank)
    kinds: tuple[tuple[Kind, int], ...] = (("harmful", harmful), ("borderline", borderline))
    out: list[Prompt] = []
    taken: set[str] = set()
    for kind, most in kinds:
        share = max(LEAST, most // max(1, len(topics.topics)))
        lists = []
        for topic in topics.topics:
            made = _fresh(_made(topic, dealt[topic.name], kind), taken)
            lists.append(list(itertools.islice(made, share)))
        out += _in_turn(lists)
    return tuple(out)


def own(prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """A user's prompts as probes: what they hold, their topic and their clusters stay. Of equal
    conversations the first stays."""
    made = (
        make_prompt(
            "domain",
            p.messages,
            category=p.category or "own",
            expects=p.expects,
            cluster=f"own:{p.cluster}",
            tags=("source:own",),
        )
        for p in prompts
    )
    return _once(made)


def joined(*parts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """Probes of several sources, each conversation once, in turn, so that an early end cuts all."""
    return _once(_in_turn([list(p) for p in parts]))


def general() -> tuple[Prompt, ...]:
    """24 plainly harmful requests of no domain, for contrast."""
    return tuple(
        _prompt(p.text, GENERAL, "harmful", "general", None) for p in read_probes("general.jsonl")
    )


def _dealt(topics: Sequence[Topic], bank: Bank) -> dict[str, dict[str, list[Probe]]]:
    """Topic name -> domain -> its written probes that belong to the topic."""
    out: dict[str, dict[str, list[Probe]]] = defaultdict(lambda: defaultdict(list))
    for domain in bank.domains:
        linked = [t for t in topics if domain.name in {m.domain for m in t.matches}]
        if not linked:
            continue
        centres = np.stack([bank.vectors([*t.examples, *t.words]).mean(axis=0) for t in linked])
        near = bank.vectors([p.text for p in domain.probes]) @ centres.T
        for probe, n in zip(domain.probes, np.argmax(near, axis=1), strict=True):
            out[linked[int(n)].name][domain.name].append(probe)
    return out


def _made(topic: Topic, dealt: dict[str, list[Probe]], kind: Kind) -> Iterator[Prompt]:
    """All requests of one kind that can be made for a topic, most telling first."""
    ranked = [m.domain for m in topic.matches]
    for name in ranked:
        for probe in dealt.get(name, ()):
            if probe.expects == EXPECTS[kind]:
                yield _prompt(probe.text, topic.name, kind, f"bank:{name}", None)
    for slots in _slots(topic):
        for noun in slots.objects:
            for frame, text in frames()[kind].items():
                said = text.format(
                    topic=slots.topic, object=noun, role=slots.role, people=slots.people
                )
                yield _prompt(_article(said), topic.name, kind, "template", f"{kind}:{frame}")


def _slots(topic: Topic) -> Iterator[_Slots]:
    domains: dict[str, Domain] = {d.name: d for d in load_domains()}
    for match in topic.matches:
        d = domains[match.domain]
        yield _Slots(d.topic, d.role, d.people, d.objects)
    nouns = _nouns(topic.words)
    if nouns and (topic.rows is not None or not topic.matches):
        table = frames()["slots"]
        first = domains[topic.matches[0].domain] if topic.matches else None
        yield _Slots(
            first.topic if first else table["topic"],
            first.role if first else table["role"],
            first.people if first else table["people"],
            nouns,
        )


def _nouns(words: Sequence[str]) -> tuple[str, ...]:
    """Plural nouns of a topic's words, three of them: not every word takes the slot by itself."""
    pairs = [(words[(n + k) % len(words)], n) for k in range(len(words)) for n in range(3)]
    return tuple(f"{word} {THINGS[n]}" for word, n in pairs[:OWN_WORDS])


@cache
def frames() -> dict[str, dict[str, str]]:
    """``templates.toml``: frames by kind and name, and the slots of a topic without a domain."""
    return table(DATA / "templates.toml")


def _article(text: str) -> str:
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)


def _prompt(text: str, topic: str, kind: Kind, source: str, cluster: str | None) -> Prompt:
    made = make_prompt(
        "domain",
        text,
        category=topic,
        expects=EXPECTS[kind],
        cluster=cluster or "",
        tags=(f"source:{source}",),
    )
    return made if cluster else replace(made, cluster=digest(made.messages))


def _fresh(prompts: Iterator[Prompt], taken: set[str]) -> Iterator[Prompt]:
    for p in prompts:
        if p.id not in taken:
            taken.add(p.id)
            yield p


def _once(prompts: Iterable[Prompt]) -> tuple[Prompt, ...]:
    seen: dict[str, Prompt] = {}
    for p in prompts:
        seen.setdefault(p.id, p)
    return tuple(seen.values())


def _in_turn(lists: Sequence[Sequence[Prompt]]) -> list[Prompt]:
    rows = itertools.zip_longest(*lists)
    return [p for row in rows for p in row if p is not None]
