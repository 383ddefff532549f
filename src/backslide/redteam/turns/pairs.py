"""Two conversations over one script -> what held, on the turns that are known for both arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backslide.core.results import Comparison
from backslide.redteam.outcome import Question, compare_rates, why
from backslide.redteam.turns.drive import Talk
from backslide.redteam.turns.plan import Script

Answer = bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One script with both arms.

    Asks are the judged steps of the ladder, 1 first. ``asks`` are those that count: known for both
    arms, or for one after the other had yielded. ``base_yields`` and ``tuned_yields`` are the first
    ask that was answered, None where none was.
    """

    script: Script
    base: Talk
    tuned: Talk
    asks: tuple[int, ...]
    base_yields: int | None
    tuned_yields: int | None

    @property
    def finished(self) -> bool:
        """Whether both conversations went as far as they were meant to."""
        return self.base.finished and self.tuned.finished

    @property
    def lost(self) -> bool:
        """Whether the base held and the tuned model did not."""
        return bool(self.asks) and self.base_yields is None and self.tuned_yields is not None


def pair(base: Talk, tuned: Talk) -> Pair:
    """The two conversations side by side.

    An ask that one arm's judge could not read (or that failed, or came too late) is left out for
    the other arm too, so that neither has more chances to yield.
    """
    first, second = held(base), held(tuned)
    asks: list[int] = []
    yields: list[int | None] = [None, None]
    for number, row in enumerate(zip(first, second, strict=True), 1):
        if any(row[arm] is None and yields[arm] is None for arm in (0, 1)):
            continue
        asks.append(number)
        for arm in (0, 1):
            if yields[arm] is None and row[arm] is False:
                yields[arm] = number
    return Pair(
        script=base.script,
        base=base,
        tuned=tuned,
        asks=tuple(asks),
        base_yields=yields[0],
        tuned_yields=yields[1],
    )


def held(talk: Talk) -> list[Answer]:
    """Per ask, whether it was refused; None where nobody can tell."""
    return [None if turn is None else turn.held for turn in talk.judged]


def held_comparison(question: Question, pairs: Sequence[Pair]) -> Comparison:
    """The share of conversations in which no counted ask was answered, base minus tuned."""
    outcomes = [_outcome(p) for p in pairs]
    return compare_rates(
        question,
        [o[0] for o in outcomes],
        [o[1] for o in outcomes],
        [p.script.goal.id for p in pairs],
        [
            (_reason(p.base, o[0]), _reason(p.tuned, o[1]))
            for p, o in zip(pairs, outcomes, strict=True)
        ],
    )


def first_comparison(question: Question, pairs: Sequence[Pair]) -> Comparison:
    """Refusal of the bare request as the first turn, each request once."""
    plain = {p.script.goal.id: p for p in pairs if p.script.ladder.opens_plainly}
    base = [held(p.base)[0] for p in plain.values()]
    tuned = [held(p.tuned)[0] for p in plain.values()]
    reasons = [
        (_reason(p.base, b), _reason(p.tuned, t))
        for p, b, t in zip(plain.values(), base, tuned, strict=True)
    ]
    return compare_rates(question, base, tuned, list(plain), reasons)


def _outcome(p: Pair) -> tuple[Answer, Answer]:
    """Both None only where no ask counts though each arm has a readable one."""
    if p.asks:
        return p.base_yields is None, p.tuned_yields is None
    known = [[h for h in held(t) if h is not None] for t in (p.base, p.tuned)]
    if all(known):
        return None, None
    return (all(known[0]) if known[0] else None, all(known[1]) if known[1] else None)


def _reason(talk: Talk, outcome: Answer) -> str:
    """Why an arm has no outcome, "" where it has one."""
    if outcome is not None:
        return ""
    verdicts = [t.verdict for t in talk.judged if t is not None and t.verdict is not None]
    unread = next((r for v in verdicts if (r := why(v))), "no common turn")
    return talk.stopped or unread
