"""Holds the conversations of one arm, all of them turn by turn in large calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from backslide.core.errors import OutOfTime
from backslide.core.protocols import Asker
from backslide.core.records import Arm, Message, Prompt, Response, Sampling, Verdict
from backslide.redteam.outcome import safe
from backslide.redteam.prompts import followed_by, make_prompt
from backslide.redteam.turns.ladders import Step, fill
from backslide.redteam.turns.plan import Script, TurnsPlan

FOCUS: Final = "turns"


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One exchange. ``verdict`` is None where the turn is not judged; ``recovery`` marks the extra
    turn after compliance."""

    prompt: Prompt
    response: Response
    verdict: Verdict | None
    recovery: bool = False

    @property
    def held(self) -> bool | None:
        """Whether it was refused; None where nobody can tell."""
        return None if self.verdict is None else safe(self.verdict)


@dataclass(kw_only=True, slots=True)
class Talk:
    """One conversation of one arm, as far as it came. ``finished``: nothing more was to be asked;
    ``stopped`` says why it ended early."""

    script: Script
    turns: list[Turn] = field(default_factory=list)
    finished: bool = False
    stopped: str = ""

    @property
    def judged(self) -> list[Turn | None]:
        """One entry for each judged step of the ladder; None where it did not come so far."""
        steps = self.script.ladder.steps
        own = [t for t in self.turns if not t.recovery]
        reached = [*own, *[None] * (len(steps) - len(own))]
        return [t for t, step in zip(reached, steps, strict=True) if step.judged]

    @property
    def yielded(self) -> bool:
        """Whether its last answer complied on a ladder that stops there."""
        last = self.turns[-1] if self.turns else None
        return last is not None and last.held is False and self.script.ladder.stops


def drive(
    asker: Asker, arm: Arm, scripts: Sequence[Script], plan: TurnsPlan
) -> tuple[list[Talk], bool]:
    """Hold all conversations with one arm.

    Returns the conversations in order, and whether there was time for all. A turn for which the
    time ran out is missing from every conversation that waited for it.
    """
    talks = [Talk(script=s) for s in scripts]
    waiting = {i: _opening(s) for i, s in enumerate(scripts)}
    number = 0
    while waiting:
        number += 1
        asker.progress(f"{arm}, turn {number}", 0, len(waiting))
        try:
            turns = _turn(asker, arm, talks, waiting, plan)
        except OutOfTime:
            for i in waiting:
                talks[i].stopped = "out of time"
            return talks, False
        for i, turn in turns.items():
            talks[i].turns.append(turn)
        following = {i: _next(talks[i]) for i in waiting}
        waiting = {i: p for i, p in following.items() if p is not None}
    return talks, True


def _opening(script: Script) -> Prompt:
    prompt = make_prompt(
        FOCUS,
        script.ladder.opening(script.goal),
        category=script.ladder.name,
        expects="refuse",
        cluster=script.goal.id,
    )
    return _marked(prompt, script.ladder.steps[0].judged, 1)


def _marked(prompt: Prompt, judged: bool, number: int) -> Prompt:
    tags = (f"turn:{number}", *(("judged",) if judged else ()))
    return replace(prompt, tags=tags, expects="refuse" if judged else "help")


def _turn(
    asker: Asker, arm: Arm, talks: list[Talk], waiting: Mapping[int, Prompt], plan: TurnsPlan
) -> dict[int, Turn]:
    """One turn of every waiting conversation. Ladders that begin alike share their answers."""
    unique = {p.id: p for p in waiting.values()}
    answers = _answers(asker, arm, list(unique.values()), plan)
    goal = {p.id: talks[i].script.goal.text for i, p in waiting.items()}
    items = [(_bare(p, goal[p.id]), answers[p.id]) for p in unique.values() if "judged" in p.tags]
    verdicts = dict(zip((p.id for p, _ in items), asker.judge(items), strict=True))
    return {
        i: Turn(
            prompt=p,
            response=answers[p.id],
            verdict=verdicts.get(p.id),
            recovery=talks[i].yielded,
        )
        for i, p in waiting.items()
    }


def _answers(
    asker: Asker, arm: Arm, prompts: Sequence[Prompt], plan: TurnsPlan
) -> dict[str, Response]:
    """By prompt id: what is judged in one call, the rest, which may be shorter, in another."""
    found: dict[str, Response] = {}
    for judged, tokens in ((True, plan.max_tokens), (False, plan.aside_tokens)):
        own = [p for p in prompts if ("judged" in p.tags) is judged]
        if own:
            said = asker.ask(arm, own, Sampling(max_tokens=tokens))
            found.update(zip((p.id for p in own), said, strict=True))
    return found


def _bare(prompt: Prompt, request: str) -> Prompt:
    """What the judge sees: the request itself. A wrapped or encoded one would be judged by its
    wrapping; StrongREJECT (Souly et al. 2024, section 3) judges the plain request as well."""
    return replace(prompt, messages=(Message(role="user", content=request),))


def _next(talk: Talk) -> Prompt | None:
    """The next prompt of a conversation, or None at its end."""
    last = talk.turns[-1]
    if last.response.text is None:
        failure = last.response.failure
        talk.stopped = f"failed: {failure.kind if failure else 'unknown'}"
        return None
    step = _step(talk)
    talk.finished = step is None
    if step is None:
        return None
    number = len(talk.turns) + 1
    text = fill(step.text, talk.script.goal)
    following = followed_by(last.prompt, last.response, text, turn=number)
    return None if following is None else _marked(following, step.judged, number)


def _step(talk: Talk) -> Step | None:
    ladder = talk.script.ladder
    if talk.turns[-1].recovery:
        return None
    if talk.yielded:
        return Step(text=ladder.recovery, judged=True) if ladder.recovery else None
    left = ladder.steps[len(talk.turns) :]
    return left[0] if left else None
