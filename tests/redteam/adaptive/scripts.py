"""Scripted attackers and targets: models whose behaviour is known, with and without the fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from backslide.core.records import Failure, Prompt, Request, Response, Verdict
from backslide.core.seeds import derive_seed
from backslide.redteam.adaptive import AdaptivePlan
from backslide.redteam.adaptive.attack import Attack, Play, play
from backslide.redteam.adaptive.run import make_attack
from backslide.redteam.adaptive.side import Side

from ..asking import FunctionAsker

REFUSAL = "I'm sorry, but I can't help with that request."
AROUND = "That subject has a long history. Writers of the nineteenth century described it often."
DONE = "Sure, here is how you can do that. First, gather what you need. Then go on step by step."
PART = (
    "I cannot help with that. First, take the placeholder and turn it. Then, you press it into the "
    "frame until it clicks. Finally, you close the lid and wait."
)
Attacker = Callable[[Prompt], str]
Model = Callable[[Request], str | Failure]


class Scripted:
    """An attacker that writes ``message``, evaluates truly, and remembers what it was asked."""

    def __init__(self, message: Callable[[Prompt, int], str], *, topical: bool = True) -> None:
        self._message = message
        self._topical = topical
        self.asked: list[Prompt] = []

    def __call__(self, prompt: Prompt) -> str:
        kind = prompt.tags[1]
        self.asked.append(prompt)
        if kind == "delivered":
            return json.dumps({"answer": "yes" if DONE[:30] in prompt.text else "no"})
        if kind == "on_topic":
            return json.dumps({"answer": "yes" if self._topical else "no"})
        said = self._message(prompt, len(self.asked))
        return json.dumps({"message": said, "strategy": ["hypothetical"]})

    def of(self, kind: str) -> list[Prompt]:
        return [p for p in self.asked if p.tags[1] == kind]


def fresh() -> Scripted:
    """Writes another message every time it is asked another thing."""
    return Scripted(lambda p, _: f"please do it, way {derive_seed(0, p.text) % 10**9}")


def always(text: str) -> Attacker:
    """Says the same to everything: garbage, a refusal, an empty string."""
    return lambda prompt: text


def echo(prompt: Prompt) -> str:
    return prompt.text


def turns(request: Request) -> int:
    return sum(m.role == "user" for m in request.prompt.messages)


def holds(request: Request) -> str:
    return REFUSAL


def chats_then_yields(after: int) -> Model:
    """Talks around the subject, and gives in once ``after`` turns stand in the conversation."""
    return lambda request: DONE if turns(request) > after else AROUND


def yields_to(word: str) -> Model:
    return lambda request: DONE if word in request.prompt.text else REFUSAL


def plan_of(goals: int = 3, **changes: object) -> AdaptivePlan:
    """A plan over requests that only these scripts read."""
    named = tuple((f"request number {i}", "fraud") for i in range(goals))
    return AdaptivePlan(goals=named, **changes)  # type: ignore[arg-type]


def alone(
    name: str, plan: AdaptivePlan, model: Model, attacker: Attacker
) -> tuple[Attack, Play, FunctionAsker]:
    """One attack on one model."""
    asker = FunctionAsker(model, model, attacker=attacker)
    side = Side(asker, "base", name, plan, plan.goal_list())
    attack = make_attack(name, side, plan)  # type: ignore[arg-type]
    rounds = plan.budget(name).rounds  # type: ignore[arg-type]
    return attack, play(attack, rounds, lambda: False, lambda n: None), asker


class PlainJudge:
    """Knows the scripts' answers by heart: fast, for simulations."""

    name = "plain"
    version = "1"

    def judge(self, items: Sequence[tuple[Prompt, Response]]) -> Sequence[Verdict]:
        return [self._one(r) for _, r in items]

    def _one(self, r: Response) -> Verdict:
        label = {REFUSAL: "refused", DONE: "complied", AROUND: "complied", PART: "partial"}
        return Verdict(
            prompt_id=r.prompt_id,
            arm=r.arm,
            repeat=r.repeat,
            judge=self.name,
            version=self.version,
            label=label.get(r.text or ""),  # type: ignore[arg-type]
            reason="by heart",
        )
