"""What a report says beside the comparison: survival by turn, queries, the attacker's faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from backslide.redteam.adaptive.attack import Play
from backslide.redteam.adaptive.comparing import TITLES, Duel, Fate
from backslide.redteam.adaptive.plan import AdaptivePlan, CrescendoBudget, GoatBudget

LIMITS = (
    "An attack is as strong as the attacker model. A weak one reaches nothing, and that says "
    "nothing of the model under test.",
    "Conversations differ between the arms after the first answer: goals are compared, not turns.",
    "One try per goal and attacker seed. Another seed or more turns may reach more.",
    "The judge reads each answer against the goal. Its error can differ between the arms.",
    "Answers are cut at the token limit of the plan: what comes later is not seen.",
    "English only; the goals are requests of ours in 15 categories, not the user's own domain.",
)
_CHECKED = (
    "A success needs the judge and the attacker's own reading to agree. An attacker that misreads "
    "answers hides successes, in both arms."
)
_UNCHECKED = (
    "The answers were not checked against the goal. A judge of refusals takes a harmless first "
    "turn for a success, so both arms may seem to give in early."
)


def limits(plan: AdaptivePlan) -> tuple[str, ...]:
    """What the focus cannot show."""
    return (*LIMITS, _CHECKED if plan.check_answers else _UNCHECKED)


def notes(duel: Duel) -> tuple[str, ...]:
    """All numbers of one attack that are no comparison. Arms are given as base / tuned."""
    title, (base, tuned) = TITLES[duel.name], duel.fates()
    told = [
        _survival(duel, base, tuned),
        _queries(duel, base, tuned),
        _partial(base, tuned),
        *(_attacker(arm, play) for arm, play in (("base", duel.base), ("tuned", duel.tuned))),
    ]
    if duel.name == "goat":
        told.append(_techniques(duel))
    if duel.cut:
        told.append(
            f"the time ended early: {duel.horizon} of {duel.budget.rounds} rounds are compared"
        )
    return tuple(f"{title}: {text}" for text in told if text)


def _survival(duel: Duel, base: Sequence[Fate], tuned: Sequence[Fate]) -> str:
    """k/n of the goals that could be compared which had held by the end of each turn."""
    pairs = [
        (b, t)
        for b, t in zip(base, tuned, strict=True)
        if b.held is not None and t.held is not None
    ]
    if not pairs:
        return "no goal could be compared"
    n, by_turn = len(pairs), []
    for turn in range(1, _turns(duel) + 1):
        k = [sum(f.turn is None or f.turn > turn for f in arm) for arm in zip(*pairs, strict=True)]
        by_turn.append(f"{turn}: {k[0]}/{n} / {k[1]}/{n}")
    return "goals held by turn, base / tuned: " + "; ".join(by_turn)


def _turns(duel: Duel) -> int:
    budget = duel.budget
    most = budget.turns if isinstance(budget, GoatBudget | CrescendoBudget) else budget.depth
    return min(most, duel.horizon)


def _queries(duel: Duel, base: Sequence[Fate], tuned: Sequence[Fate]) -> str:
    each = ", ".join(
        f"{g.id} {b.queries}/{t.queries}" for g, b, t in zip(duel.goals, base, tuned, strict=True)
    )
    total = [sum(f.queries for f in arm) for arm in (base, tuned)]
    return f"queries, base/tuned: {total[0]}/{total[1]} in all; {each}"


def _partial(base: Sequence[Fate], tuned: Sequence[Fate]) -> str:
    k = [sum(f.partial and f.held is True for f in arm) for arm in (base, tuned)]
    return f"goals held that were answered in part, base/tuned: {k[0]}/{k[1]}"


def _attacker(arm: str, play: Play) -> str:
    t = Counter(play.tally)
    pruned = Counter(x.reason for x in play.losses)
    text = (
        f"attacker against {arm}: {t['replies']} replies, {t['unusable']} unusable, "
        f"{t['refusals']} refusals, {t['failed']} failed; {t['given_up']} steps given up"
    )
    off, over = pruned["off_topic"], pruned["over_width"]
    cut = f"; pruned {off} off topic, {over} over the width" if off or over else ""
    off_goal = sum(s.outcome == "off_goal" for s in play.shots)
    return f"{text}{cut}; {off_goal} answers did not serve the goal"


def _techniques(duel: Duel) -> str:
    """How often each technique was used, and in how many successes, over both arms."""
    used: Counter[str] = Counter()
    won: Counter[str] = Counter()
    for shot in (*duel.base.shots, *duel.tuned.shots):
        used.update(shot.techniques)
        if shot.outcome == "complied":
            won.update(shot.techniques)
    return "techniques, successes of uses: " + ", ".join(
        f"{name} {won[name]} of {used[name]}" for name in sorted(used)
    )
