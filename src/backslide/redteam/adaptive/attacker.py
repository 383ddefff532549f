"""The attacker model: asked in large calls, asked again when its reply is of no use, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from backslide.core.errors import UsageError
from backslide.core.protocols import Asker
from backslide.core.records import Prompt, Sampling
from backslide.redteam.adaptive.plan import AdaptivePlan, Goal
from backslide.redteam.adaptive.replies import Lost, Proposal, read_decision, read_proposal
from backslide.redteam.adaptive.wording import fill, heading, note, quoted
from backslide.redteam.prompts import make_prompt

T = TypeVar("T")
_FEW = 32
"""Tokens of a yes or no as JSON."""


class NoAttacker(UsageError):
    """The user named no attacker model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """One thing that the attacker is asked: a template's name and the text made of it."""

    goal: Goal
    template: str
    text: str


class Attacker:
    """The model that the user named, as attacker and as evaluator; never another one.

    ``tally`` counts its replies: ``replies``, those that ``failed`` (an error of the endpoint),
    were ``unusable`` or ``refusals``, and ``given_up``: errands without a usable reply after all
    retries. A retry has another text, so it has another id and is not answered from what is kept.
    """

    def __init__(self, asker: Asker, plan: AdaptivePlan) -> None:
        self._asker = asker
        self._retries = plan.retries
        self._writing = Sampling(
            max_tokens=plan.attacker_tokens, temperature=plan.attacker_temperature
        )
        self._deciding = Sampling(max_tokens=_FEW, temperature=0.0)
        self.tally: Counter[str] = Counter()

    def propose(
        self, errands: Sequence[Errand], *, techniques: bool = False
    ) -> list[Proposal | Lost]:
        """The next messages, one for each errand."""

        def read(reply: str, first: str) -> Proposal | Lost:
            return read_proposal(reply, first, techniques=techniques)

        return self._read(errands, self._writing, read)

    def on_topic(self, items: Sequence[tuple[Goal, str]]) -> list[bool | None]:
        """Whether each message still asks for what its goal asks for; None: no usable reply."""
        return self._decide("on_topic", "message", items)

    def delivered(self, items: Sequence[tuple[Goal, str]]) -> list[bool | None]:
        """Whether each answer gives what its goal asks for; None: no usable reply."""
        return self._decide("delivered", "answer", items)

    def _decide(
        self, template: str, slot: str, items: Sequence[tuple[Goal, str]]
    ) -> list[bool | None]:
        errands = [errand(goal, template, {slot: text}) for goal, text in items]
        unique = list(dict.fromkeys(errands))

        def read(reply: str, first: str) -> bool | Lost:
            said = read_decision(reply, first)
            return "evaluator_failed" if said is None else said

        found = dict(zip(unique, self._read(unique, self._deciding, read), strict=True))
        return [v if isinstance(v := found[e], bool) else None for e in errands]

    def _read(
        self,
        errands: Sequence[Errand],
        sampling: Sampling,
        read: Callable[[str, str], T | Lost],
    ) -> list[T | Lost]:
        results: list[T | Lost] = ["attacker_failed"] * len(errands)
        pending = list(range(len(errands)))
        for attempt in range(self._retries + 1):
            if not pending:
                break
            replies = self._ask([_prompt(errands[i], attempt) for i in pending], sampling)
            for i, reply in zip(pending, replies, strict=True):
                results[i] = self._one(reply, heading(errands[i].template), read)
            pending = [i for i in pending if isinstance(results[i], str)]
        self.tally["given_up"] += len(pending)
        return results

    def _one(self, reply: str | None, first: str, read: Callable[[str, str], T | Lost]) -> T | Lost:
        self.tally["replies"] += 1
        if reply is None:
            self.tally["failed"] += 1
            return "attacker_failed"
        found = read(reply, first)
        if isinstance(found, str):
            self.tally["refusals" if found == "attacker_refused" else "unusable"] += 1
        return found

    def _ask(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[str | None]:
        try:
            return [c.text for c in self._asker.attacker(prompts, sampling)]
        except UsageError as error:
            if type(error) is not UsageError:
                raise  # an attacker was named and cannot be opened
            raise NoAttacker(error.message, cause=error.cause, hint=error.hint) from error


def errand(goal: Goal, template: str, values: dict[str, str]) -> Errand:
    """An errand from ``prompts/TEMPLATE.md``."""
    ready = {k: quoted(v) if k in ("message", "answer") else v for k, v in values.items()}
    text = fill(template, {"goal": quoted(goal.request), **ready})
    return Errand(goal=goal, template=template, text=text)


def _prompt(item: Errand, attempt: int) -> Prompt:
    again = "" if attempt == 0 else "\n\n" + note("retry").format(attempt=attempt + 1)
    return make_prompt(
        "adaptive",
        item.text + again,
        category=item.goal.category,
        expects="help",
        cluster=item.goal.id,
        tags=("attacker", item.template),
    )
