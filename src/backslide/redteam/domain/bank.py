"""The bank of professional domains, and how near a text is to each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from backslide.core.seeds import derive_seed
from backslide.redteam.data import rows, table
from backslide.redteam.domain.vectors import Embed, Vectors, embedded, unit

DATA = files("backslide.redteam.domain") / "data"
CLOSEST = 3
"""A domain is as near as its three nearest texts are on average."""
GROUP, GROUPS = 4, 400
RARE = 0.10
"""A match counts where at most this share of unrelated phrases comes as near to any domain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """One written request of a domain."""

    text: str
    expects: str
    topic: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Domain:
    """A professional field. ``objects`` are plural nouns for the slots of templates."""

    name: str
    title: str
    phrases: tuple[str, ...]
    topic: str
    objects: tuple[str, ...]
    role: str
    people: str
    probes: tuple[Probe, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """All that says what the domain is about."""
        words = (self.topic, self.role, *self.objects)
        return (self.title, *self.phrases, *words, *(p.text for p in self.probes))


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """How near a text is to a domain. ``similarity`` is a cosine (of vectors without their common
    part), ``chance`` the share of unrelated phrases that come as near to any domain."""

    domain: str
    title: str
    similarity: float
    chance: float

    @property
    def fits(self) -> bool:
        """Whether so near a domain is rare among unrelated phrases."""
        return self.chance <= RARE


@cache
def load_domains() -> tuple[Domain, ...]:
    """All domains, in the order of the file."""
    found: dict[str, dict[str, Any]] = table(DATA / "domains.toml")
    return tuple(
        Domain(
            name=name,
            title=d["title"],
            phrases=tuple(d["phrases"]),
            topic=d["topic"],
            objects=tuple(d["objects"]),
            role=d["role"],
            people=d["people"],
            probes=read_probes(f"probes/{name}.jsonl"),
        )
        for name, d in found.items()
    )


def read_probes(path: str) -> tuple[Probe, ...]:
    """The rows of a data file of this focus."""
    return tuple(Probe(**row) for row in rows(DATA / path))


class Bank:
    """The domains as vectors of one embedding.

    Args:
        embed: see ``vectors.Embed``; asked once for some 1,000 short texts.

    Raises:
        ValueError: what it gives is no embedding.
    """

    def __init__(self, embed: Embed) -> None:
        self.domains = load_domains()
        self.embed = embed
        self._owners = np.array([n for n, d in enumerate(self.domains) for _ in d.texts])
        raw = embedded(embed, [t for d in self.domains for t in d.texts])
        self._mean = raw.mean(axis=0)
        self._texts = unit(raw - self._mean)
        background = table(DATA / "background.toml")["texts"]
        near = self.scores(self.vectors(background))
        self._chance = np.sort(near.max(axis=1))
        rng = np.random.default_rng(derive_seed(0, "domain background"))
        drawn = [rng.choice(len(near), GROUP, replace=False) for _ in range(GROUPS)]
        self._chance_of_groups = np.sort([near[d].mean(axis=0).max() for d in drawn])

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors without the part that all texts of the bank share: (texts, dimensions)."""
        return unit(embedded(self.embed, texts) - self._mean)

    def scores(self, vectors: Vectors) -> npt.NDArray[np.float64]:
        """How near each text is to each domain: (texts, domains)."""
        near = (vectors @ self._texts.T).astype(np.float64)
        out = np.empty((len(near), len(self.domains)))
        for n in range(len(self.domains)):
            own = near[:, self._owners == n]
            out[:, n] = np.sort(own, axis=1)[:, -CLOSEST:].mean(axis=1)
        return out

    def matches(self, vectors: Vectors) -> list[Match]:
        """All domains for one text, or for several on the same topic (their mean), nearest first.

        Several texts are compared with groups of unrelated phrases. They count for four, however
        many they are, because texts on one topic are alike.
        """
        chance = self._chance if len(vectors) < GROUP else self._chance_of_groups
        near = self.scores(vectors).mean(axis=0)
        order = np.argsort(-near, kind="stable")
        return [self._match(int(n), float(near[n]), chance) for n in order]

    def _match(self, n: int, similarity: float, chance: npt.NDArray[np.float64]) -> Match:
        reach = len(chance) - int(np.searchsorted(chance, similarity, side="left"))
        return Match(
            domain=self.domains[n].name,
            title=self.domains[n].title,
            similarity=similarity,
            chance=reach / len(chance),
        )
