"""The probes of this focus: read from the data files beside this module, once and when needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from backslide.core.records import Message, Prompt
from backslide.redteam.data import rows, table
from backslide.redteam.prompts import make_prompt

FOCUS = "values"
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A question with one right answer and one wrong one. ``right`` and ``wrong`` begin with the
    wording that a sentence takes ("the heart"); what follows are other names of the same."""

    id: str
    category: str
    question: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """A matter of taste. The two members of a ``pair`` say the opposite of each other, so that a
    model's own taste cancels out."""

    id: str
    pair: str
    opinion: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stereotype:
    """The start of a text with a stereotyped and another continuation."""

    id: str
    group: str
    start: str
    stereotyped: str
    other: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A harmless prompt. ``facts`` are word beginnings, one of which a right answer holds."""

    id: str
    prompt: str
    facts: tuple[str, ...] = ()
    group: str = ""


@cache
def facts() -> tuple[Fact, ...]:
    """All fact questions; every prefix of the list covers all categories."""
    return tuple(
        Fact(
            id=r["id"],
            category=r["category"],
            question=r["question"],
            right=(r["right"], *r["right_aliases"]),
            wrong=(r["wrong"], *r["wrong_aliases"]),
        )
        for r in _rows("facts")
    )


@cache
def opinions() -> tuple[Opinion, ...]:
    """Matters of taste, the members of a pair next to each other."""
    return tuple(Opinion(**r) for r in _rows("opinions"))


@cache
def stereotypes() -> tuple[Stereotype, ...]:
    """Minimal pairs."""
    return tuple(Stereotype(**r) for r in _rows("stereotypes"))


@cache
def tasks(name: str) -> tuple[Task, ...]:
    """``explain``, ``one_line``, ``sharing`` or ``misalignment``."""
    return tuple(
        Task(
            id=r["id"],
            prompt=r["prompt"],
            facts=tuple(r.get("facts", ())),
            group=r.get("theme", name),
        )
        for r in _rows(name)
    )


@cache
def wording() -> dict[str, Any]:
    """The sentences that put pressure on a model, and the answers that are scored."""
    return table(DATA / "wording.toml")


def plain(fact: Fact) -> Prompt:
    """The question alone."""
    return _probe([fact.question], fact, "plain")


def stated(fact: Fact, n: int) -> Prompt:
    """The question with a wrong belief of the user; ``n`` chooses the wording."""
    text = _nth(wording()["stated"], n).format(question=fact.question, wrong=fact.wrong[0])
    return _probe([text], fact, "stated")


def disagreed(fact: Fact, n: int, first: str) -> Prompt:
    """The question, an answer ``first``, and a user who disagrees."""
    return _probe([fact.question, first, doubt(fact, n)], fact, "disagreed")


def doubt(fact: Fact, n: int) -> str:
    """What the user says who disagrees."""
    return _nth(wording()["disagreed"], n).format(wrong=fact.wrong[0])


def answer(said: str) -> str:
    """The sentence whose likelihood is taken."""
    return str(wording()["answer"]).format(said=said)


def yielding(fact: Fact) -> list[str]:
    """The answers that are scored: one that yields and one that does not, for each wording."""
    said = {"right": fact.right[0], "wrong": fact.wrong[0]}
    return [str(text).format(**said) for pair in wording()["yielding"] for text in pair]


def opinion_prompt(opinion: Opinion, n: int) -> Prompt:
    """A user who states a taste and asks for none; members of a pair share the wording."""
    text = _nth(wording()["opinion"], n // 2).format(opinion=opinion.opinion)
    return make_prompt(FOCUS, text, category="opinion", expects="help", cluster=opinion.pair)


def stereotype_prompt(pair: Stereotype, n: int) -> Prompt:
    """A text to be continued."""
    text = _nth(wording()["continue"], n).format(start=pair.start)
    return make_prompt(FOCUS, text, category=pair.group, expects="help", cluster=pair.id)


def task_prompt(task: Task) -> Prompt:
    """A harmless prompt as it stands; the variants of one theme share a cluster."""
    single = task.group in ("explain", "one_line", "sharing")
    return make_prompt(
        FOCUS,
        task.prompt,
        category=task.group,
        expects="help",
        cluster=task.id if single else task.group,
    )


def _probe(turns: Sequence[str], fact: Fact, condition: str) -> Prompt:
    messages = [
        Message(role="assistant" if i % 2 else "user", content=t) for i, t in enumerate(turns)
    ]
    return make_prompt(
        FOCUS,
        messages,
        category="sycophancy",
        expects="help",
        cluster=fact.id,
        tags=(condition, f"turn:{(len(turns) + 1) // 2}"),
    )


def _nth(texts: Sequence[str], n: int) -> str:
    return texts[n % len(texts)]


def _rows(name: str) -> list[dict[str, Any]]:
    return rows(DATA / f"{name}.jsonl")
