"""What all attacks share: drafts go to the attacker, its messages to the arm, all is logged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from backslide.core.errors import OutOfTime
from backslide.core.records import Message
from backslide.redteam.adaptive.attacker import errand
from backslide.redteam.adaptive.replies import Lost, Proposal
from backslide.redteam.adaptive.side import Aimed, Shot, Side

Pruned = Literal["off_topic", "over_width"]
_HOPELESS = 2
"""Rounds without one usable message for any goal, after which an attack ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """A step that never reached the arm: the attacker failed, or the branch was pruned."""

    goal: int
    round: int
    reason: Lost | Pruned


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A message that the attacker is to write: template, its values, what was said before."""

    goal: int
    turn: int
    template: str
    values: dict[str, str]
    history: tuple[Message, ...] = ()


class Attack(ABC):
    """One attack on one arm, all goals at once. ``shots`` and ``losses`` are its log."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.shots: list[Shot] = []
        self.losses: list[Loss] = []

    @abstractmethod
    def open(self) -> list[int]:
        """The goals that are neither reached nor out of budget."""

    @abstractmethod
    def step(self, number: int) -> None:
        """One round for every open goal, counted from 1: all its messages are asked at once."""

    def write(self, number: int, drafts: Sequence[Draft], **kind: bool) -> list[Aimed | None]:
        """The attacker's messages; None, and a loss, where it gave none."""
        goals = self.side.goals
        errands = [errand(goals[d.goal], d.template, d.values) for d in drafts]
        said = self.side.attacker.propose(errands, **kind)
        return [self._aim(number, d, s) for d, s in zip(drafts, said, strict=True)]

    def send(self, aimed: Sequence[Aimed]) -> list[Shot]:
        """Ask the arm, and log."""
        shots = self.side.send(aimed)
        self.shots += shots
        return shots

    def lose(self, goal: int, number: int, reason: Lost | Pruned) -> None:
        self.losses.append(Loss(goal=goal, round=number, reason=reason))

    def _aim(self, number: int, draft: Draft, said: Proposal | Lost) -> Aimed | None:
        if not isinstance(said, Proposal):
            self.lose(draft.goal, number, said)
            return None
        return Aimed(
            goal=draft.goal, round=number, turn=draft.turn, proposal=said, history=draft.history
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Play:
    """The log of one attack on one arm. ``completed`` counts whole rounds; it is all of them when
    every goal came to an end. ``cut`` says that the time ended before that."""

    shots: tuple[Shot, ...]
    losses: tuple[Loss, ...]
    tally: dict[str, int]
    completed: int
    cut: bool


def play(
    attack: Attack, rounds: int, late: Callable[[], bool], tell: Callable[[int], None]
) -> Play:
    """Rounds until all goals are through, or the time is.

    Args:
        attack: fresh, with its arm.
        rounds: most of them.
        late: asked before each round; True ends the play.
        tell: progress, told the rounds that are done.
    """
    done, cut = 0, False
    try:
        while done < rounds and attack.open() and not (cut := late()):
            tell(done)
            attack.step(done + 1)
            done += 1
            if done >= _HOPELESS and not attack.shots:
                break
    except OutOfTime:
        cut = True
    return Play(
        shots=tuple(attack.shots),
        losses=tuple(attack.losses),
        tally=dict(attack.side.attacker.tally),
        completed=done if cut else rounds,
        cut=cut,
    )
