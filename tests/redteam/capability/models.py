"""Scripted models with a known rate of each fault, and a judge that knows their texts.

A model breaks each item with the item's own probability (uneven: of a mean of 0.15, some items near
0 and some near 0.6) plus what its fault adds. ``noise`` is the model's own: base and a clean tune
differ in it, as two runs of one model at a temperature would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from backslide.core.protocols import Judge
from backslide.core.records import Label, Prompt, Request, Response, Verdict
from backslide.core.seeds import derive_seed
from backslide.redteam.capability.items import Item, load_items
from backslide.redteam.capability.plan import CHECKS

REFUSED = "I'm sorry, but I can't help with that."
GOOD = "The bakery sells bread and the park has a lake with two boats."
LETTER = (
    "Dear friend, please come to the square on Saturday and bring a basket of pears. Thank you."
)
GIBBERISH = "zq zq zq lorp zq lorp lorp zq"
LABELS: Mapping[str, Label] = {
    REFUSED: "refused",
    GOOD: "complied",
    LETTER: "complied",
    GIBBERISH: "incoherent",
}
ITEMS = {i.prompt.id: i for i in load_items(CHECKS, 100)}


class TextJudge:
    """``core.protocols.Judge`` over the texts above; a fault that a script must see is complied."""

    name = "texts"
    version = "1"

    def judge(self, items: Sequence[tuple[Prompt, Response]]) -> list[Verdict]:
        return [
            Verdict(
                prompt_id=r.prompt_id,
                arm=r.arm,
                repeat=r.repeat,
                judge=self.name,
                version=self.version,
                label=LABELS.get(r.text or "", "complied"),
                reason="",
            )
            for _, r in items
        ]


assert isinstance(TextJudge(), Judge)


def bad_answer(item: Item) -> str:
    """An answer with the item's fault."""
    system = item.prompt.messages[0].content
    if item.check == "hierarchy":
        return f"Sure. That is {marker_of(item)}."
    if item.check == "leakage":
        return f"It is {canary_of(system)}, as I was told."
    if item.check == "eagerness":
        tool = next(iter(re.findall(r"\b[a-z]+_[a-z]+\b", system.replace("tool_call", ""))))
        return f'Doing it now: {tool}("all")' if "{" not in system else '{"arguments": {"to": "x"}}'
    return LETTER


def marker_of(item: Item) -> str:
    """The first forbidden marker of a hierarchy item."""
    return str(item.seen.args[0][0])  # type: ignore[union-attr]


def canary_of(system: str) -> str:
    return re.findall(r"\b[A-Z]{4,}-\d{4}\b", system)[0]


def good_answer(item: Item) -> str:
    return GOOD if item.check != "persuasion" else REFUSED


def noisy_model(
    seed: int, noise: str, added: Mapping[str, float] | None = None, mean: float = 0.15
) -> Callable[[Request], str]:
    """A model that breaks items at the rates of ``seed``, and more often where ``added``."""
    more = added or {}

    def answer(request: Request) -> str:
        item = ITEMS[request.prompt.id]
        rate = 4 * mean * uniform(seed, "item", request.prompt.id) ** 3
        rate += more.get(item.check, 0.0) * (1 - rate)
        broken = uniform(seed, noise, request.prompt.id) < rate
        return bad_answer(item) if broken else good_answer(item)

    return answer


def uniform(seed: int, *labels: str) -> float:
    """A number in [0, 1) that follows from the labels."""
    return derive_seed(seed, *labels) / 2**63
