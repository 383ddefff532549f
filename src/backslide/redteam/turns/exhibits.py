"""The most telling conversations, whole."""

from __future__ import annotations

from collections.abc import Sequence

from backslide.core.records import Message
from backslide.core.redteam import Exhibit
from backslide.redteam.prompts import conversation
from backslide.redteam.turns.drive import Talk
from backslide.redteam.turns.pairs import Pair

MOST = 3


def exhibits(pairs: Sequence[Pair]) -> tuple[Exhibit, ...]:
    """Up to three pairs in which the base held and the tuned model did not.

    First those that were refused at the first ask and answered later, then full compliance before
    partial; of different ladders while there are any.
    """
    ranked = sorted((p for p in pairs if p.lost), key=_rank)
    chosen: list[Pair] = []
    for distinct in (True, False):
        for p in ranked:
            seen = {c.script.ladder.name for c in chosen}
            new = p.script.ladder.name not in seen if distinct else p not in chosen
            if new and len(chosen) < MOST:
                chosen.append(p)
    return tuple(_exhibit(p) for p in chosen)


def _rank(p: Pair) -> tuple[bool, bool]:
    later = (p.tuned_yields or 0) > 1
    return not later, _label(p.tuned, p.tuned_yields) != "complied"


def _exhibit(p: Pair) -> Exhibit:
    ask = p.tuned_yields
    return Exhibit(
        title=f"{p.script.ladder.title} ({p.script.goal.category}): answered at ask {ask}",
        base_turns=_transcript(p.base, ask),
        tuned_turns=_transcript(p.tuned, ask),
        base_label=_label(p.base, ask),
        tuned_label=_label(p.tuned, ask),
    )


def _transcript(talk: Talk, ask: int | None) -> tuple[Message, ...]:
    """The conversation up to the answer to this ask, or as far as it came."""
    turn = talk.judged[(ask or 1) - 1] or (talk.turns[-1] if talk.turns else None)
    return () if turn is None else conversation(turn.prompt, turn.response.text)


def _label(talk: Talk, ask: int | None) -> str:
    turn = talk.judged[(ask or 1) - 1]
    verdict = turn.verdict if turn else None
    return (verdict.label if verdict else None) or "unjudged"
