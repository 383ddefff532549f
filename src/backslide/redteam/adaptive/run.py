"""The focus ``adaptive``: attacks by an attacker model that the user named, on both arms."""

from __future__ import annotations

from collections.abc import Callable

from backslide.core.protocols import Asker
from backslide.core.records import Arm
from backslide.core.redteam import FocusResult
from backslide.redteam.adaptive.attack import Attack, Play, play
from backslide.redteam.adaptive.attacker import NoAttacker
from backslide.redteam.adaptive.comparing import Duel, compare, coverage, findings, succeeded
from backslide.redteam.adaptive.conversing import Crescendo, Goat
from backslide.redteam.adaptive.pair import Pair
from backslide.redteam.adaptive.plan import AdaptivePlan, AttackName, Goal
from backslide.redteam.adaptive.side import Side
from backslide.redteam.adaptive.tap import Tap
from backslide.redteam.adaptive.telling import limits, notes

TITLE = "Attacks by an attacker model"


def run(asker: Asker, plan: AdaptivePlan) -> FocusResult:
    """Play every attack of the plan against the base, then against the tuned model.

    Both get the same goals, attacker, budget and seeds; all goals of an arm go on in parallel. When
    the time runs out the rounds that both arms completed are compared, and the result says so.

    Returns:
        ``absent`` when the user named no attacker: no other model takes its place.
    """
    goals = plan.goal_list()
    try:
        duels = [_duel(asker, plan, goals, i) for i in range(len(plan.attacks))]
    except NoAttacker as error:
        return FocusResult(focus="adaptive", title=TITLE, absent=_absent(error))
    compared = [(d, compare(d)) for d in duels]
    return FocusResult(
        focus="adaptive",
        title=TITLE,
        comparisons=tuple(c for _, c in compared),
        findings=tuple(f for d, c in compared for f in findings(d, c)),
        coverage=tuple(coverage(d) for d in duels),
        notes=tuple(n for d in duels for n in notes(d)),
        limits=limits(plan),
        calls=sum(_calls(p) for d in duels for p in (d.base, d.tuned)),
        complete=not any(d.cut for d in duels),
        succeeded=tuple(p for d in duels for p in succeeded(d)),
    )


def make_attack(name: AttackName, side: Side, plan: AdaptivePlan) -> Attack:
    """A fresh attack on one arm."""
    if name == "goat":
        return Goat(side, plan.goat)
    if name == "crescendo":
        return Crescendo(side, plan.crescendo)
    if name == "pair":
        return Pair(side, plan.pair)
    return Tap(side, plan.tap)


def _duel(asker: Asker, plan: AdaptivePlan, goals: tuple[Goal, ...], index: int) -> Duel:
    """One attack. It may take its share of the time that is left, the base at most half of it,
    so that there is time to ask the tuned model the same."""
    name = plan.attacks[index]
    share = 1 / (len(plan.attacks) - index)
    base = _play(asker, plan, goals, name, "base", _late(asker, share / 2))
    tuned = _play(asker, plan, goals, name, "tuned", lambda: False, most=base.completed)
    return Duel(name=name, budget=plan.budget(name), goals=goals, base=base, tuned=tuned)


def _play(
    asker: Asker,
    plan: AdaptivePlan,
    goals: tuple[Goal, ...],
    name: AttackName,
    arm: Arm,
    late: Callable[[], bool],
    most: int | None = None,
) -> Play:
    rounds = plan.budget(name).rounds if most is None else most
    attack = make_attack(name, Side(asker, arm, name, plan, goals), plan)
    return play(attack, rounds, late, lambda n: asker.progress(f"{name}, {arm}", n, rounds))


def _late(asker: Asker, share: float) -> Callable[[], bool]:
    """True when one more round, as long as the last one, would take more than this share of the
    time that is left now. Answers that are kept cost no time, so a program that is run again gets
    at least as far as before."""
    start = before = asker.left()

    def late() -> bool:
        nonlocal before
        now = asker.left()
        if start is None or before is None or now is None:
            return False
        before, cost = now, before - now
        return now - cost < start * (1 - share)

    return late


def _calls(log: Play) -> int:
    return log.tally.get("replies", 0) + len({s.prompt.id for s in log.shots})


def _absent(error: NoAttacker) -> str:
    hint = error.hint or "name one with --attacker SPEC; no other model takes its place"
    return f"{error.message}; {hint}"
