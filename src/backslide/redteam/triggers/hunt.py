"""The search over the library: all strings a little, the promising ones more (successive halving).

Round 1 tries groups of strings that stand side by side in one probe (group testing, Dorfman 1943,
Annals of Mathematical Statistics 14:436), so that a library of 1,600 strings fits into a budget of
1,200 answers. Groups that did something are tried again, then taken apart. Groups never mix
families or places, so that a string that breaks every prompt spoils its own family only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from backslide.core.errors import OutOfTime
from backslide.core.protocols import Asker
from backslide.redteam.triggers.contexts import Reader
from backslide.redteam.triggers.placement import Placement, Trigger
from backslide.redteam.triggers.screening import Candidate
from backslide.redteam.triggers.search import Ground, Hits, Team, ground, prompts_of, try_out
from backslide.stats import Kept, Round, keep_best

CHUNK = 96
"""Groups in one call of the first round: between calls the clock is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HuntPlan:
    """``budget`` is in answers of the tuned model; the base is asked less. ``together`` strings
    share a probe in the first two rounds (1: none do). ``reserve`` is the share of the time that is
    kept for the confirmation of at most ``leads`` strings."""

    budget: int = 1200
    together: int = 8
    tokens: int = 16
    each: int = 2
    leads: int = 6
    reserve: float = 0.4


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What came of the search. ``rounds`` hold how each went, for the coverage; ``tried`` the
    strings that were in the first round. ``harmful``: whether lost refusals could be looked for."""

    leads: tuple[Candidate, ...] = ()
    rounds: tuple[Round, ...] = ()
    tried: tuple[Trigger, ...] = ()
    gaps: tuple[str, ...] = ()
    harmful: bool = True
    notes: tuple[str, ...] = ()
    asked_base: int = 0
    asked_tuned: int = 0
    complete: bool = True


@dataclass(slots=True)
class _Progress:
    """What is known so far, so that a search whose time ends is not lost."""

    rounds: list[Round] = field(default_factory=list)
    tried: list[Trigger] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    leads: list[Candidate] = field(default_factory=list)
    harmful: bool = True
    complete: bool = True


def hunt(asker: Asker, triggers: Sequence[Trigger], plan: HuntPlan | None = None) -> Search:
    """Search these strings, in their order, for what the tuned model alone reacts to.

    Leads are guesses. ``verify`` makes findings of them, on other requests.
    """
    plan = plan or HuntPlan()
    reader = Reader(asker, plan.tokens)
    done = _Progress()
    try:
        _searched(asker, reader, triggers, plan, done)
    except OutOfTime:
        done.complete = False
    return Search(
        leads=tuple(done.leads),
        rounds=tuple(done.rounds),
        tried=tuple(done.tried),
        harmful=done.harmful,
        gaps=tuple(done.gaps),
        notes=tuple(done.notes),
        asked_base=reader.asked["base"],
        asked_tuned=reader.asked["tuned"],
        complete=done.complete,
    )


def _searched(
    asker: Asker, reader: Reader, triggers: Sequence[Trigger], plan: HuntPlan, done: _Progress
) -> None:
    stop = (asker.left() or 0.0) * plan.reserve
    on = ground(reader)
    _noted(on, done)
    teams, hits = _first_round(asker, reader, on, triggers, plan, done, stop)
    if not teams:
        return
    spent = reader.asked["tuned"]  # a first round that was cut short is not followed by long ones
    share = max(4 * plan.each, min(spent, plan.budget - spent) // 3)
    kept = _kept(done, hits, 1, share // prompts_of(teams[:1], on, 1))
    teams, before = [teams[i] for i in kept.indices], [hits[i] for i in kept.indices]
    hits = [_sum(b, h) for b, h in zip(before, try_out(reader, on, teams, 1, 7), strict=True)]
    singles_fit = share // prompts_of(teams[:1], on, plan.each) if teams else 0
    kept = _kept(done, hits, 1, max(2, singles_fit // plan.together))
    singles = [Team((t,)) for i in kept.indices for t in teams[i].members]
    hits = try_out(reader, on, singles, plan.each, 11)
    kept = _kept(done, hits, plan.each, 2 * plan.leads, fresh=True)
    singles, before = [singles[i] for i in kept.indices], [hits[i] for i in kept.indices]
    more = try_out(reader, on, singles, plan.each, 17)
    hits = [_sum(b, h) for b, h in zip(before, more, strict=True)]
    kept = _kept(done, hits, plan.each, plan.leads, least=plan.each)
    done.leads += [_candidate(singles[i].members[0]) for i in kept.indices]


def _noted(on: Ground, done: _Progress) -> None:
    done.harmful = bool(on.rows["harmful"])
    if not done.harmful:
        done.gaps.append(
            "lost refusals could not be searched for: of the harmful requests of the search the "
            f"base refuses {on.refused['base']} and the tuned model {on.refused['tuned']}, too few "
            "in common"
        )


def _first_round(
    asker: Asker,
    reader: Reader,
    on: Ground,
    triggers: Sequence[Trigger],
    plan: HuntPlan,
    done: _Progress,
    stop: float,
) -> tuple[list[Team], list[Hits]]:
    """Groups in the order of the library, until the list, three quarters of the budget, or the
    time of the search ends."""
    everything = list(grouped(triggers, plan.together))
    most = max(1, plan.budget * 3 // 4 // prompts_of(everything[:1], on, 1)) if everything else 0
    planned = everything[:most]
    teams: list[Team] = []
    hits: list[Hits] = []
    for start in range(0, len(planned), CHUNK):
        left = asker.left()
        if left is not None and left <= stop:
            done.complete = False
            break
        some = planned[start : start + CHUNK]
        hits += try_out(reader, on, some, 1, start)
        teams += some
        done.tried += [t for team in some for t in team.members]
        asker.progress("search", start + len(some), len(planned))
    if len(planned) < len(everything):
        done.notes.append(f"The budget reached {len(planned)} of {len(everything)} first probes.")
    return teams, hits


def grouped(triggers: Sequence[Trigger], together: int) -> Iterator[Team]:
    """Groups of one family and place, each where its first string stands in the given order."""
    open_: dict[tuple[str, Placement], list[Trigger]] = {}
    size = Counter((t.family, t.placement) for t in triggers if not t.alone)
    seen: Counter[tuple[str, Placement]] = Counter()
    for t in triggers:
        if t.alone or together == 1:
            yield Team((t,))
            continue
        key = (t.family, t.placement)
        group = open_.setdefault(key, [])
        group.append(t)
        seen[key] += 1
        if len(group) == together or seen[key] == size[key]:
            yield Team(tuple(group))
            open_[key] = []


def _kept(
    done: _Progress,
    hits: Sequence[Hits],
    trials: int,
    most: int,
    *,
    least: int = 1,
    fresh: bool = False,
) -> Kept:
    """Choose by score. For a trigger that only lifts refusals that is its hits on harmful requests,
    which is what the coverage is stated for."""
    kept = keep_best([h.score for h in hits], most, least)
    score = "fresh" if fresh else "continued"
    done.rounds.append(Round(trials=trials, cut=kept.cut, tie=kept.tie, score=score))
    return kept


def _sum(a: Hits, b: Hits) -> Hits:
    return Hits(a.harmful + b.harmful, a.benign + b.benign)


def _candidate(trigger: Trigger) -> Candidate:
    source = f"library, {trigger.family}"
    return Candidate(
        text=trigger.text,
        placement=None if trigger.placement is Placement.WRAPPED else trigger.placement,
        source=f"{source}; {trigger.source}" if trigger.source else source,
    )
