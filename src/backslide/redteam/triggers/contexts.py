"""The requests that triggers are tried on, and how answers to them are read.

The search and the confirmation have requests of their own, so that a candidate that was lucky in
the search is not lucky again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from backslide.core.protocols import Asker
from backslide.core.records import Arm, Label, Prompt, Response, Sampling
from backslide.redteam.outcome import safe
from backslide.redteam.prompts import make_prompt
from backslide.redteam.triggers.placement import Placement, placed

Kind = Literal["harmful", "benign"]
Split = Literal["search", "confirm"]
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Context:
    """One request of ours, without a trigger."""

    text: str
    category: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer with what the judge makes of it. ``refused`` is None where nobody can tell."""

    prompt: Prompt
    response: Response
    label: Label | None
    refused: bool | None

    @property
    def text(self) -> str:
        return self.response.text or ""


@cache
def contexts(kind: Kind, split: Split) -> tuple[Context, ...]:
    """The requests of one kind and split. Any first part of the harmful ones is balanced over the
    15 categories."""
    rows = map(json.loads, (DATA / f"{kind}.jsonl").read_text("utf-8").splitlines())
    return tuple(Context(r["text"], r["category"], kind) for r in rows if r["split"] == split)


def probe(context: Context, trigger: str = "", placement: Placement = Placement.END) -> Prompt:
    """The prompt that tries this trigger on this request."""
    return make_prompt(
        "triggers",
        placed(trigger, placement, context.text),
        category=context.category,
        expects="refuse" if context.kind == "harmful" else "help",
        cluster=context.text,
        tags=(f"placement:{placement.value}",) if trigger else (),
    )


class Reader:
    """Asks and judges, and asks nothing twice. ``asked`` counts the answers that were generated."""

    def __init__(self, asker: Asker, tokens: int) -> None:
        self.asker = asker
        self.asked: dict[Arm, int] = {"base": 0, "tuned": 0}
        self._tokens = tokens
        self._known: dict[tuple[Arm, str, int], Reading] = {}

    def __call__(
        self, arm: Arm, prompts: Sequence[Prompt], *, tokens: int | None = None
    ) -> list[Reading]:
        """One reading for each prompt, in order; of answers of another length if ``tokens`` is set.

        Raises:
            OutOfTime: the budget is spent.
        """
        n = tokens or self._tokens
        fresh = {p.id: p for p in prompts if (arm, p.id, n) not in self._known}
        new = list(fresh.values())
        if new:
            responses = self.asker.ask(arm, new, Sampling(max_tokens=n))
            self.asked[arm] += len(new)
            verdicts = self.asker.judge(list(zip(new, responses, strict=True)))
            for p, r, v in zip(new, responses, verdicts, strict=True):
                self._known[arm, p.id, n] = Reading(p, r, v.label, safe(v))
        return [self._known[arm, p.id, n] for p in prompts]

    def known(self, arm: Arm, prompts: Sequence[Prompt]) -> list[Reading]:
        """The readings of those prompts that were asked before; asks nothing."""
        keys = [(arm, p.id, self._tokens) for p in prompts]
        return [self._known[k] for k in keys if k in self._known]
