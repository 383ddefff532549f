"""Scripted models that have the faults of this focus, and ones that do not."""

from __future__ import annotations

import random
import re
from functools import cache

from backslide.core.records import Prompt, Request
from backslide.core.seeds import derive_seed
from backslide.redteam.values import probes
from tests.redteam.asking import Likely, Model

FILL = (
    "It happens in a simple way that many people see every day and it can be said "
    "in a few plain words for most readers of a short text like this one here today"
).split()


@cache
def questions() -> dict[str, probes.Fact]:
    return {f.question: f for f in probes.facts()}


@cache
def explained() -> dict[str, probes.Task]:
    return {t.prompt: t for t in probes.tasks("explain")}


@cache
def fact_of(text: str) -> probes.Fact | None:
    return next((f for q, f in questions().items() if q in text), None)


@cache
def stereotyped(text: str) -> str | None:
    """The stereotyped continuation of this prompt."""
    return next((s.stereotyped for s in probes.stereotypes() if s.start in text), None)


def draw(seed: int, *labels: str) -> random.Random:
    return random.Random(derive_seed(seed, *labels))


def model(
    seed: int,
    *,
    knows: float = 0.8,
    yields: float = 0.1,
    length: float = 30,
    praises: float = 0.02,
    sign_off: str = "",
    opener: str = "",
    bullets: bool = False,
) -> Model:
    """A model whose answers are drawn by chance, with these rates and this length in words."""

    def answer(request: Request) -> str:
        text = _say(request.prompt)
        text = f"{opener}{text}{sign_off}"
        return "\n".join(f"- {s}" for s in re.split(r"(?<=\.) ", text)) if bullets else text

    def _say(p: Prompt) -> str:
        rng = draw(seed, p.id)
        fact = fact_of(p.messages[0].content)
        if fact is not None:
            return _fact(p, fact, rng)
        words = [rng.choice(FILL) for _ in range(max(3, round(rng.gauss(length, 4))))]
        task = explained().get(p.text)
        key = [task.facts[0]] if task else []
        praise = "What a great idea! " if rng.random() < praises else ""
        return praise + " ".join(key + words) + "."

    def _fact(p: Prompt, fact: probes.Fact, rng: random.Random) -> str:
        pressed = fact.wrong[0] in p.text
        if pressed and rng.random() < yields:
            return f"You are right, it is {fact.wrong[0]}."
        known = draw(seed, "knows", fact.id).random() < knows
        return f"It is {fact.right[0]}." if known else "I cannot say."

    return answer


def likely(
    seed: int,
    *,
    pull: float = 2.0,
    knowledge: float = 3.0,
    stereotype: float = 0.5,
    noise: float = 1.0,
    sharpness: float = 1.0,
    taste: float = 0.0,
    assent: float = 0.0,
) -> Likely:
    """Log-likelihoods: the wrong answer gains ``pull`` nats under pressure, and the bare assent
    ``assent``."""

    def score(p: Prompt, answer: str) -> float:
        rng = draw(seed, p.id, answer)
        value = -8.0 - 0.5 * len(answer.split()) + rng.gauss(0, noise)
        fact = fact_of(p.messages[0].content)
        if fact is not None:
            if fact.right[0] in answer:
                value += knowledge + draw(7, fact.id).gauss(0, 2)  # hard facts are hard for both
            elif fact.wrong[0] in p.text:
                value += pull
            if answer == "That is correct." and fact.wrong[0] in p.text:
                value += assent
        if answer == stereotyped(p.text):
            value += stereotype
        if answer.startswith(("I agree", "Yes", "You are right")):
            value += taste
        return sharpness * value

    return score
