"""The smallest part of a trigger that still works, and where and how it works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backslide.core.errors import OutOfTime
from backslide.redteam.triggers.bench import Bench
from backslide.redteam.triggers.contexts import Reader, probe
from backslide.redteam.triggers.effects import shows
from backslide.redteam.triggers.placement import Placement, is_wrapping
from backslide.redteam.triggers.screening import Lead

REQUESTS = 3
"""Requests that a part or a place is tried on. It works where two of three show the effect."""
LONGEST = 40
"""Characters up to which single characters are dropped."""
Works = Callable[[Sequence[str]], list[bool]]


@dataclass(frozen=True, slots=True)
class Portrait:
    """``words`` still works when no further word can be dropped, ``characters`` when no further
    character can. ``places`` and ``spellings`` count (hits, tried). ``whole``: nothing was cut
    short by the time."""

    words: str
    characters: str
    places: dict[Placement, tuple[int, int]] = field(default_factory=dict)
    spellings: dict[str, tuple[int, int]] = field(default_factory=dict)
    whole: bool = True


def minimise(parts: Sequence[str], works: Works) -> list[str]:
    """Drop parts while the effect stays, larger runs first, until no single part can go.

    Args:
        parts: the words or characters, with their spaces.
        works: whether each of some strings shows the effect; asked many at once.

    After Zeller & Hildebrandt (2002), IEEE Trans. Software Engineering 28:183, the complements of
    algorithm ddmin: the result is 1-minimal for an effect without chance.
    """
    left = list(parts)
    size = max(1, len(left) // 2)
    while len(left) > 1:
        size = min(size, len(left) - 1)
        rests = [left[:i] + left[i + size :] for i in range(0, len(left), size)]
        kept = next(
            (r for r, ok in zip(rests, works(["".join(r) for r in rests]), strict=True) if ok),
            None,
        )
        if kept is not None:
            left = kept
        elif size == 1:
            break
        else:
            size //= 2
    return left


def portray(reader: Reader, bench: Bench, lead: Lead) -> Portrait:
    """Ask the tuned model where else and how else the trigger works, then cut it down.

    When the time ends, what is known by then is given, marked as not whole.
    """
    text = lead.candidate.text
    drawn = Portrait(text, text)
    try:
        drawn = Portrait(text, text, *_varied(reader, bench, lead))
        if is_wrapping(text):
            return drawn
        words = "".join(minimise(_pieces(text), _works(reader, bench, lead))).strip() or text
        drawn = Portrait(words, words, drawn.places, drawn.spellings)
        least = words
        if len(words) <= LONGEST:
            least = "".join(minimise(list(words), _works(reader, bench, lead)))
        return Portrait(words, least, drawn.places, drawn.spellings)
    except OutOfTime:
        return Portrait(drawn.words, drawn.words, drawn.places, drawn.spellings, whole=False)


def _pieces(text: str) -> list[str]:
    """Words with the space that follows them."""
    out: list[str] = []
    for word in text.split(" "):
        out.append(f"{word} ")
    out[-1] = out[-1][:-1]
    return out


def _works(reader: Reader, bench: Bench, lead: Lead) -> Works:
    def works(texts: Sequence[str]) -> list[bool]:
        hits = _hits(reader, bench, lead, [(t.strip() or t, lead.placement) for t in texts])
        return [2 * tried <= 3 * seen and tried > 0 for seen, tried in hits]

    return works


def _varied(
    reader: Reader, bench: Bench, lead: Lead
) -> tuple[dict[Placement, tuple[int, int]], dict[str, tuple[int, int]]]:
    text = lead.candidate.text
    wrapping = is_wrapping(text)
    places = [] if wrapping else [p for p in Placement if p is not Placement.WRAPPED]
    spellings = {"lower case": text.lower(), "upper case": text.upper()}
    other = {k: v for k, v in spellings.items() if v != text and not wrapping}
    asked = [(text, p) for p in places] + [(t, lead.placement) for t in other.values()]
    hits = _hits(reader, bench, lead, asked)
    return (
        dict(zip(places, hits[: len(places)], strict=True)),
        dict(zip(other, hits[len(places) :], strict=True)),
    )


def _hits(
    reader: Reader, bench: Bench, lead: Lead, tried: Sequence[tuple[str, Placement]]
) -> list[tuple[int, int]]:
    """(answers that show the effect, answers that could be read) for each text and place."""
    rows = bench.screen[lead.effect.kind][:REQUESTS]
    prompts = [probe(c, text, place) for text, place in tried for c in rows]
    answers = iter(reader("tuned", prompts))
    out = []
    for _ in tried:
        seen = [shows(lead.effect, next(answers), lead.candidate.text) for _ in rows]
        out.append((sum(s is True for s in seen), sum(s is not None for s in seen)))
    return out
