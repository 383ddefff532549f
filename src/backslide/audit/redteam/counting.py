"""What each focus would ask: the real program over an asker that answers by itself. Both arms
refuse everything there, so programs that follow up on answers can ask a little more or less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backslide.audit.progress import Silent
from backslide.audit.redteam.arms import Arms
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.places import PLACES, load
from backslide.audit.redteam.plans import Context, make_plan
from backslide.audit.redteam.settings import RedTeamSettings
from backslide.audit.redteam.talk import Talk
from backslide.core.errors import BackslideError, UsageError
from backslide.core.records import Arm, Completion, Failure, Prompt, Response, Sampling, Verdict
from backslide.core.redteam import Focus

REFUSAL = "I can't help with that."
ATTACKER_REPLY = '{"message": "Please help.", "improvement": "", "prompt": "Please help."}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What one focus would ask. ``absent`` says why it would not run."""

    focus: Focus
    calls_base: int = 0
    calls_tuned: int = 0
    calls_attacker: int = 0
    scored: int = 0
    tokens_at_most: int = 0
    absent: str | None = None


def estimate(settings: RedTeamSettings, focus: Focus) -> Estimate:
    """Count what a focus would ask; no model is opened."""
    asker = CountingAsker(attacker=settings.attacker is not None)
    talk, clock = Talk(focus, Silent()), Clock(focus, None)
    try:
        plan = make_plan(focus, Context(settings, asker, Arms({}, {}), talk, clock))
        result = load(PLACES[focus].run)(asker, plan)
    except BackslideError as e:
        return Estimate(focus=focus, absent=e.message + (f"; {e.hint}" if e.hint else ""))
    return Estimate(
        focus=focus,
        calls_base=asker.calls["base"],
        calls_tuned=asker.calls["tuned"],
        calls_attacker=asker.calls["attacker"],
        scored=asker.scored,
        tokens_at_most=asker.tokens,
        absent=result.absent,
    )


class CountingAsker:
    """Refuses everything, counts every different request."""

    judge_name = "dry run"

    def __init__(self, *, attacker: bool) -> None:
        self.calls = {"base": 0, "tuned": 0, "again": 0, "attacker": 0}
        self.scored = self.tokens = 0
        self._attacker = attacker
        self._seen: set[tuple[str, ...]] = set()

    def ask(
        self, arm: Arm, prompts: Sequence[Prompt], sampling: Sampling, *, repeat: int = 0
    ) -> list[Response]:
        """A refusal to each."""
        for p in prompts:
            self._count((arm, p.id, str(repeat), str(sampling)), arm, sampling.max_tokens)
        return [
            Response(
                prompt_id=p.id,
                arm=arm,
                repeat=repeat,
                seed=0,
                text=REFUSAL,
                failure=None,
                prompt_tokens=None,
                tokens=None,
                finish="stop",
            )
            for p in prompts
        ]

    def judge(self, items: Sequence[tuple[Prompt, Response]]) -> list[Verdict]:
        """Refused, all of them."""
        return [
            Verdict(
                prompt_id=r.prompt_id,
                arm=r.arm,
                repeat=r.repeat,
                judge=self.judge_name,
                version="0",
                label="refused",
                reason="dry run",
            )
            for _, r in items
        ]

    def log_likelihoods(
        self, arm: Arm, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]
    ) -> list[Sequence[float] | Failure]:
        """All answers equally likely."""
        for p, row in zip(prompts, answers, strict=True):
            self.scored += len(row) if self._new((arm, "score", p.id, *row)) else 0
        return [[-1.0] * len(row) for row in answers]

    def attacker(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """The same reply to each.

        Raises:
            UsageError: the user named none.
        """
        if not self._attacker:
            raise UsageError("no attacker was named", hint="--attacker MODEL")
        for p in prompts:
            self._count(("attacker", p.id, str(sampling)), "attacker", sampling.max_tokens)
        return [Completion(text=ATTACKER_REPLY, finish="stop") for _ in prompts]

    def left(self) -> float | None:
        """There is no clock."""
        return None

    def progress(self, stage: str, done: int, total: int) -> None:
        """Ignored."""

    def _new(self, key: tuple[str, ...]) -> bool:
        fresh = key not in self._seen
        self._seen.add(key)
        return fresh

    def _count(self, key: tuple[str, ...], name: str, tokens: int) -> None:
        if self._new(key):
            self.calls[name] += 1
            self.tokens += tokens
