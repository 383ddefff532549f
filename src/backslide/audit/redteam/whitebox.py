"""Trigger candidates from the weights, where both models are local. They are only candidates: the
focus ``triggers`` confirms them by generation on fresh requests, or drops them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from backslide.audit.redteam.arms import Arms
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.ledger import Ledger
from backslide.audit.redteam.places import load
from backslide.audit.redteam.talk import Talk
from backslide.core.errors import BackslideError, OutputError, StoreError
from backslide.core.protocols import Target
from backslide.core.redteam import Coverage
from backslide.store.redteam_records import Hunt, Spent

Told = tuple[tuple[str, ...], tuple[Coverage, ...], tuple[str, ...], tuple[str, ...]]
"""Candidates, what was swept, what has to be said, and what could not be done."""

PLACE = "backslide.whitebox.triggers.hunt:hunt"
LEXICON = "backslide.redteam.triggers.library:library"
LONGEST = 900.0
"""Seconds. ``--deep`` is meant to need less than this on two cores."""
SHARE = 0.5
"""Of the time that the focus has: the rest is for confirming."""
MOST_LEXICON = 400
"""Strings of the library swept beside what the weights say; the focus tries all of them."""
MOST_READ = 12
"""Words of the update's readout that are told."""


def hunt(
    base: Target,
    tuned: Target,
    *,
    deep: bool,
    seconds: float,
    progress: Callable[[str, int, int], None],
) -> Told:
    """Look into the weights of both models. One that cannot be looked into is no error: a note says
    so. A hunt whose time ended before it looked everywhere is a gap."""
    for target in (base, tuned):
        if target.fingerprint().get("kind") != "huggingface":
            return (), (), (f"the weights were not looked into: {target.spec} has none here",), ()
    try:
        found = _found(base, tuned, deep, seconds, progress)
    except (OutputError, StoreError):
        raise
    except BackslideError as e:
        return (), (), (f"the weights were not looked into: {e.message}",), ()
    except ValueError as e:  # two models of different architecture or vocabulary
        return (), (), (f"the weights were not looked into: {e}",), ()
    strings = tuple(dict.fromkeys(c.text for c in found.candidates))
    gaps = (
        () if found.complete else ("the weights were not looked into to the end: give more time",)
    )
    return strings, _tried(found), _notes(found), gaps


def _found(
    base: Any, tuned: Any, deep: bool, seconds: float, progress: Callable[[str, int, int], None]
) -> Any:
    lexicon = [t.text for t in load(LEXICON)()]
    return load(PLACE)(
        base.model,
        tuned.model,
        tuned.tokenizer,
        lexicon=lexicon[:MOST_LEXICON],
        deep=deep,
        seconds=seconds,
        tell=progress,
    )


def _tried(found: Any) -> tuple[Coverage, ...]:
    return tuple(
        Coverage(group=f"weights: {name}", tried=n, planned=n, unit="strings")
        for name, n in found.tried.items()
    )


def _notes(found: Any) -> tuple[str, ...]:
    """What the hunt says, hostile text quoted by ``repr`` so that nothing in it is invisible."""
    words = ", ".join(repr(w) for w in found.read[:MOST_READ])
    strings = ", ".join(repr(c.text) for c in found.candidates)
    said = [
        f"candidates from the weights: {strings or 'none'}",
        *([f"the update responds most to: {words}"] if words else []),
        *found.notes,
    ]
    return tuple(said)


def recorded_hunt(ledger: Ledger, arms: Arms, clock: Clock, talk: Talk, *, deep: bool) -> Hunt:
    """The hunt of this run: the one on file, or a new one that is put on file."""
    on_file = [h for h in ledger.run.lines("hunts") if h.deep or not deep]
    if on_file:
        clock.charge(on_file[-1].seconds)
        found: Hunt = on_file[-1]
        return found
    left = clock.left()
    seconds = LONGEST if left is None else min(LONGEST, left * SHARE)
    started = time.perf_counter()
    strings, coverage, notes, gaps = hunt(
        arms.get("base"), arms.get("tuned"), deep=deep, seconds=seconds, progress=talk.stage
    )
    spent = time.perf_counter() - started
    made = Hunt(
        deep=deep, candidates=strings, coverage=coverage, notes=notes, gaps=gaps, seconds=spent
    )
    number = len(ledger.run.lines("hunts"))
    ledger.run.add("hunts", [made])
    ledger.run.add(
        "timings",
        [Spent(focus="triggers", file="hunts", batch=number, calls=0, tokens=0, seconds=spent)],
    )
    clock.charge(spent)
    return made
