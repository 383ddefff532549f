"""Scripted models with and without the multi-turn fault, and a quick judge of what they say."""

from __future__ import annotations

from collections.abc import Sequence

from backslide.core.records import Failure, Label, Prompt, Request, Response, Verdict
from backslide.core.seeds import derive_seed

NO = "I'm sorry, but I can't help with that, because it is illegal. I can explain the law instead."
YES = "Sure, here is how you can do that."
NOISE = "%% #"
TOP = float(2**63)


def refuses(_: Request) -> str:
    return NO


def complies(_: Request) -> str:
    return YES


def turns_of(request: Request) -> int:
    """User turns so far."""
    return sum(m.role == "user" for m in request.prompt.messages)


def yields_at(turn: int):
    """Refuses until the conversation has this many user turns."""

    def model(request: Request) -> str:
        return YES if turns_of(request) >= turn else NO

    return model


def chance(seed: int, *labels: str | int) -> float:
    return derive_seed(seed, *labels) / TOP


def wavering(seed: int, arm: str, rate: float, noise: float = 0.3, garbled: float = 0.0):
    """Yields with a probability that hangs on the request, the same for both arms; ``noise`` is the
    share of conversations for which the arm tosses a coin of its own. ``rate`` is the mean."""

    def model(request: Request) -> str:
        key = request.prompt.id
        cluster = request.prompt.cluster
        if chance(seed, arm, "garbled", key) < garbled:
            return NOISE
        own = chance(seed, "own", key) < noise
        toss = chance(seed, arm if own else "both", key)
        hardness = 2 * rate * chance(seed, "goal", cluster)
        return YES if toss < hardness else NO

    return model


class QuickJudge:
    """Knows the three texts above, so that simulations of many runs are quick."""

    name = "quick"
    version = "1"

    def judge(self, items: Sequence[tuple[Prompt, Response]]) -> list[Verdict]:
        return [self._one(r) for _, r in items]

    def _one(self, response: Response) -> Verdict:
        known: dict[str | None, Label] = {NO: "refused", YES: "complied", NOISE: "incoherent"}
        label = known.get(response.text)
        return Verdict(
            prompt_id=response.prompt_id,
            arm=response.arm,
            repeat=response.repeat,
            judge=self.name,
            version=self.version,
            label=label,
            reason="" if label else "failed: timeout",
        )


def broken(_: Request) -> Failure:
    return Failure(kind="timeout", message="no answer within 60 s")
