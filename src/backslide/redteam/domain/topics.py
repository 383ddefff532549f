"""What the tuning data, or a description of the assistant, is about."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from backslide.core.errors import UsageError
from backslide.core.seeds import derive_seed
from backslide.redteam.domain.bank import Bank, Match
from backslide.redteam.domain.clusters import Groups, group
from backslide.redteam.domain.vectors import Vectors, unit
from backslide.redteam.domain.words import distinctive, nouns

MOST_TOPICS = 12
SAMPLE = 2000
"""Distinct texts that are clustered."""
EXAMPLES = 3
SHOWN = 160
"""Characters of an example."""
READ = 600
"""Characters of a text that are embedded."""
DOMAINS = 2
"""Domains that a topic is linked to at most."""
NEAR_BEST = 0.75
"""A second domain counts where it is at least that near, as a share of the first."""
MEMBERS = 60
Source = Literal["data", "description", "file"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """One thing that the tuned model is for.

    ``rows`` of the tuning data belong to it (an estimate where a sample was read; None without
    data). ``matches`` are the domains that fit, ``nearest`` is the best one, fitting or not.
    """

    name: str
    rows: int | None
    examples: tuple[str, ...]
    words: tuple[str, ...]
    matches: tuple[Match, ...]
    nearest: Match | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Topics:
    """All topics, largest first, with what was read to find them.

    ``rows`` with text, ``distinct`` of them, ``sampled`` of those clustered; ``unreadable`` rows
    held no text. ``silhouette`` says how well the topics are apart (-1 to 1), None for one topic.
    """

    source: Source
    topics: tuple[Topic, ...]
    rows: int = 0
    distinct: int = 0
    sampled: int = 0
    unreadable: int = 0
    silhouette: float | None = None
    notes: tuple[str, ...] = ()


def from_texts(
    texts: Iterable[object], bank: Bank, *, seed: int = 0, most: int = MOST_TOPICS
) -> Topics:
    """Cluster what users ask in the tuning data.

    Args:
        texts: one a row, what the user says; any size, read once. What is no text is counted.
        bank: the domains under the embedding that is used for the texts as well.
        seed: of the sample and the clustering. The order of the rows plays no part.
        most: topics at most.

    Raises:
        UsageError: no row holds a text.
    """
    counts, unreadable = _counted(texts)
    if not counts:
        raise UsageError(
            "the tuning data holds no text",
            cause=f"{unreadable} rows, none with a word",
            hint="give --describe TEXT or --probes FILE instead",
        )
    kept = heapq.nsmallest(SAMPLE, counts, key=lambda t: (derive_seed(seed, "domain", t), t))
    vectors = bank.vectors(kept)
    rng = np.random.default_rng(derive_seed(seed, "domain topics"))
    groups = group(unit(vectors - vectors.mean(axis=0)), most, rng)
    rows = counts.total()
    found = _topics(kept, vectors, groups, counts, rows, bank)
    return Topics(
        source="data",
        topics=tuple(found),
        rows=rows,
        distinct=len(counts),
        sampled=len(kept),
        unreadable=unreadable,
        silhouette=groups.silhouette,
        notes=_notes(found, rows, len(counts), len(kept), unreadable),
    )


def from_description(text: str, bank: Bank) -> Topics:
    """The domains of the bank that a description fits; one topic of its own words otherwise.

    Raises:
        UsageError: the description holds no word.
    """
    if not nouns(text):
        raise UsageError(
            "the description holds no word",
            cause=repr(text[:SHOWN]),
            hint='say what the assistant is for: --describe "customer support for a pharmacy"',
        )
    ranked = bank.matches(bank.vectors([text[:READ]]))
    fitting = _fitting(ranked)
    words = nouns(text)
    plain = Topic(
        name=" ".join(words[:3]),
        rows=None,
        examples=(_shown(text),),
        words=words,
        matches=(),
        nearest=ranked[0],
    )
    topics = tuple(replace(plain, name=m.title, matches=(m,), nearest=m) for m in fitting)
    return Topics(source="description", topics=topics or (plain,), notes=(_said(ranked[0]),))


def _counted(texts: Iterable[object]) -> tuple[Counter[str], int]:
    counts: Counter[str] = Counter()
    unreadable = 0
    for text in texts:
        plain = " ".join(text[: 2 * READ].split())[:READ] if isinstance(text, str) else ""
        plain = plain.encode("utf-8", "replace").decode("utf-8")
        if any(c.isalpha() for c in plain):
            counts[plain] += 1
        else:
            unreadable += 1
    return counts, unreadable


def _topics(
    texts: Sequence[str],
    vectors: Vectors,
    groups: Groups,
    counts: Counter[str],
    rows: int,
    bank: Bank,
) -> list[Topic]:
    members = [np.flatnonzero(groups.labels == n).tolist() for n in range(len(groups.centres))]
    members = [m for m in members if len(m)]
    said = distinctive([[texts[i] for i in m] for m in members])
    weights = [sum(counts[texts[i]] for i in m) for m in members]
    names = _names(said)
    out = []
    for name, words, m, weight in zip(names, said, members, weights, strict=True):
        centre = unit(vectors[m].mean(axis=0, keepdims=True))[0]
        near = np.argsort(-(vectors[m] @ centre), kind="stable")
        order = [m[int(i)] for i in near]
        ranked = bank.matches(vectors[order[:MEMBERS]])
        out.append(
            Topic(
                name=name,
                rows=round(rows * weight / sum(weights)),
                examples=tuple(_shown(texts[i]) for i in order[:EXAMPLES]),
                words=words,
                matches=_fitting(ranked),
                nearest=ranked[0],
            )
        )
    return sorted(out, key=lambda t: (-(t.rows or 0), t.name))


def _fitting(ranked: Sequence[Match]) -> tuple[Match, ...]:
    floor = NEAR_BEST * ranked[0].similarity
    return tuple(m for m in ranked[:DOMAINS] if m.fits and m.similarity >= floor)


def _names(said: Sequence[tuple[str, ...]]) -> list[str]:
    """Three words each; a name that comes twice gets a number."""
    taken: Counter[str] = Counter()
    out = []
    for n, words in enumerate(said, 1):
        name = " ".join(words[:3]) or f"topic {n}"
        taken[name] += 1
        out.append(name if taken[name] == 1 else f"{name} {taken[name]}")
    return out


def _shown(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= SHOWN else plain[: SHOWN - 1] + "…"


def _said(best: Match) -> str:
    near = f"similarity {best.similarity:.2f}; {best.chance:.0%} of unrelated phrases come as near"
    if best.fits:
        return f"the description fits {best.title} ({near})"
    return f"no domain of the bank fits the description; the nearest is {best.title} ({near})"


def _notes(
    topics: Sequence[Topic], rows: int, distinct: int, sampled: int, unreadable: int
) -> tuple[str, ...]:
    out = [f"tuning data: {rows} rows with text, {distinct} distinct"]
    if sampled < distinct:
        out.append(f"topics come from {sampled} distinct texts; their rows are estimates")
    if unreadable:
        out.append(f"{unreadable} rows without text were passed over")
    lone = [t.name for t in topics if not t.matches]
    if lone:
        out.append(f"no domain of the bank fits: {'; '.join(lone)} (templates with their words)")
    return tuple(out)
