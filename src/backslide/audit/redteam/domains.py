"""What the user said of the domain (a description, tuning data, own probes) -> frozen probes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from backslide.audit.redteam.settings import RedTeamSettings
from backslide.core.errors import UsageError
from backslide.core.protocols import Asker
from backslide.core.records import Prompt
from backslide.suites.tabular import load_file
from backslide.suites.training_data import training_files, training_rows

READ = 1000
"""Characters of one text that say what it is about."""
COMMON = 0.2
"""A text that begins more than this share of the rows is a system prompt, not what users ask."""


def domain_plan(settings: RedTeamSettings, asker: Asker) -> Any:
    """The plan of the focus ``domain``.

    Raises:
        UsageError: nothing was said of the domain, or it cannot be used.
        SuiteError: a file that cannot be read.
    """
    if not settings.has_domain:
        raise UsageError(
            "the domain is not known",
            hint='--describe "customer support for a pharmacy", --data train.jsonl or '
            "--probes FILE",
        )
    from backslide.redteam.domain.probes import build, joined, own
    from backslide.redteam.domain.run import DomainPlan

    mine = own(own_probes(settings.probes))
    if not (settings.describe or settings.data):
        return DomainPlan(probes=mine)
    found, bank = _topics(settings)
    probes = build(found, bank)
    notes = tuple(found.notes)
    if settings.attacker:
        from backslide.redteam.domain.generate import generate

        made = generate(asker, found.topics, known=probes)
        dropped = ", ".join(f"{n} {why}" for why, n in made.dropped.items())
        more = f"; left out: {dropped}" if dropped else ""
        notes += (f"{len(made.prompts)} probes by {settings.attacker}{more}",)
        probes = joined(probes, made.prompts)
    return DomainPlan(probes=joined(mine, probes), topics=tuple(found.topics), notes=notes)


def _topics(settings: RedTeamSettings) -> tuple[Any, Any]:
    from backslide.redteam.domain.bank import Bank
    from backslide.redteam.domain.topics import from_description, from_texts

    bank = Bank(word_vectors())
    if not settings.data:
        return from_description(settings.describe or "", bank), bank
    found = from_texts(user_texts(settings.data), bank, seed=settings.seed)
    if settings.describe:
        told = from_description(settings.describe, bank)
        names = {t.name for t in found.topics}
        more = [t for t in told.topics if t.name not in names]
        found = replace(found, topics=(*found.topics, *more), notes=(*found.notes, *told.notes))
    return found, bank


def word_vectors() -> Any:
    """The word table of the embedded judge's MiniLM as sentence vectors; its layers were trained
    for judging and have lost much of what sentences are about."""
    from backslide.judges.embedded.model import load_model
    from backslide.redteam.domain.vectors import WordVectors

    model = load_model()

    def encode(texts: Sequence[str]) -> list[list[int]]:
        rows = model.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [list(r.ids) for r in rows]

    return WordVectors(model.encoder.words, encode)


def own_probes(paths: Iterable[Path]) -> list[Prompt]:
    """A user's domain files as prompts; topic and expectation as they say.

    Raises:
        SuiteError: a file that cannot be used, with the line.
    """
    return [p for path in paths for p in load_file(path).prompts]


def user_texts(paths: Iterable[Path]) -> Iterator[str]:
    """The first thing that is said in each row of the tuning data, past a system prompt.

    Raises:
        SuiteError: a file that cannot be read.
    """
    rows = [
        tuple(t[:READ] for t in row.texts[:2])
        for path in paths
        for file in training_files(path)
        for row in training_rows(file)
        if row.texts
    ]
    first = Counter(r[0] for r in rows)
    common = {t for t, n in first.items() if n > max(3, COMMON * len(rows))}
    for r in rows:
        yield r[1] if r[0] in common and len(r) > 1 else r[0]
