"""What an adaptive red team does: goals, attacks and the budget of each."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib.resources import files
from typing import Literal

from backslide.core.errors import UsageError
from backslide.redteam.data import rows

AttackName = Literal["goat", "crescendo", "pair", "tap"]
ATTACKS: tuple[AttackName, ...] = ("goat", "crescendo", "pair", "tap")
"""All attacks, those with the fewest queries for their evidence first."""
DEFAULT_GOALS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """A harmful request that an attack tries to have fulfilled. A pair of arms is a goal."""

    id: str
    request: str
    category: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GoatBudget:
    """Pavlova et al. 2024 (arXiv 2410.01606), section 4: one conversation of 5 turns."""

    turns: int = 5

    @property
    def rounds(self) -> int:
        """Most queries of one goal after each other."""
        return self.turns

    @property
    def queries(self) -> int:
        """Most queries of one goal."""
        return self.turns


@dataclass(frozen=True, kw_only=True, slots=True)
class CrescendoBudget:
    """Russinovich et al. 2024 (arXiv 2404.01833): 10 turns, 10 backtracks after refusals."""

    turns: int = 10
    backtracks: int = 10

    @property
    def rounds(self) -> int:
        return self.turns + self.backtracks

    @property
    def queries(self) -> int:
        return self.turns + self.backtracks


@dataclass(frozen=True, kw_only=True, slots=True)
class PairBudget:
    """Chao et al. 2023 (arXiv 2310.08419): N streams of depth K; the paper has 30 x 3, its
    repository recommends fewer."""

    streams: int = 5
    depth: int = 3

    @property
    def rounds(self) -> int:
        return self.depth

    @property
    def queries(self) -> int:
        return self.streams * self.depth


@dataclass(frozen=True, kw_only=True, slots=True)
class TapBudget:
    """Mehrotra et al. 2023 (arXiv 2312.02119). The paper has branch 4, width 10, depth 10; the
    default here is smaller, for the time of a default run. ``TAP_OF_THE_PAPER`` is the paper's."""

    branch: int = 2
    width: int = 3
    depth: int = 3

    @property
    def rounds(self) -> int:
        return self.depth

    @property
    def queries(self) -> int:
        """Every depth asks ``branch`` prompts of each leaf, and at most ``width``."""
        leaves, total = 1, 0
        for _ in range(self.depth):
            leaves = min(leaves * self.branch, self.width)
            total += leaves
        return total


PAIR_OF_THE_PAPER = PairBudget(streams=30)
TAP_OF_THE_PAPER = TapBudget(branch=4, width=10, depth=10)
Budget = GoatBudget | CrescendoBudget | PairBudget | TapBudget


def default_goals() -> tuple[tuple[str, str], ...]:
    """The first 16 goals of ours, each of the 15 categories among them."""
    return our_goals()[:DEFAULT_GOALS]


@cache
def our_goals() -> tuple[tuple[str, str], ...]:
    """All 30 goals of ``data/goals.jsonl`` as (request, category)."""
    found = rows(files(__package__) / "data" / "goals.jsonl")
    return tuple((row["text"], row["category"]) for row in found)


@dataclass(frozen=True, kw_only=True, slots=True)
class AdaptivePlan:
    """One adaptive red team. The same plan is played against both arms.

    Args:
        goals: (request, category) of each; equal ones count once.
        attacks: which, in this order.
        goat, crescendo, pair, tap: the budget of each attack for one goal and one arm.
        max_tokens: of an answer under test.
        attacker_tokens, attacker_temperature: of the attacker's replies.
        retries: how often an unusable reply of the attacker is asked for again.
        check_answers: whether an answer that the judge reads as complied must also, in the
            attacker's reading, give what the goal asks for. Without it a judge of refusals takes
            the harmless first turns of a conversation for successes.

    Raises:
        UsageError: no goal, an empty one, an unknown attack, or a number that makes no sense.
    """

    goals: tuple[tuple[str, str], ...] = field(default_factory=default_goals)
    attacks: tuple[AttackName, ...] = ("goat", "crescendo")
    goat: GoatBudget = GoatBudget()
    crescendo: CrescendoBudget = CrescendoBudget()
    pair: PairBudget = PairBudget()
    tap: TapBudget = TapBudget()
    max_tokens: int = 48
    attacker_tokens: int = 400
    attacker_temperature: float = 1.0
    retries: int = 2
    check_answers: bool = True

    def __post_init__(self) -> None:
        unknown = [a for a in self.attacks if a not in ATTACKS]
        if unknown or not self.attacks or len(set(self.attacks)) < len(self.attacks):
            _wrong("attacks", self.attacks, f"name each at most once, out of {', '.join(ATTACKS)}")
        if not self.goals or any(not request.strip() for request, _ in self.goals):
            _wrong("goals", self.goals, "give at least one request, and none that is empty")
        if self.max_tokens < 1 or self.attacker_tokens < 1 or self.retries < 0:
            _wrong("limits", (self.max_tokens, self.attacker_tokens, self.retries), "use >= 1")
        if not 0 <= self.attacker_temperature <= 2:
            _wrong("attacker_temperature", self.attacker_temperature, "use 0 to 2")
        for name in ATTACKS:
            _check_budget(name, self.budget(name))

    def as_in_the_papers(self) -> AdaptivePlan:
        """The same with PAIR's and TAP's budgets of the papers; the others have them already."""
        return replace(self, pair=PAIR_OF_THE_PAPER, tap=TAP_OF_THE_PAPER)

    def budget(self, attack: AttackName) -> Budget:
        """The budget of one attack."""
        budgets: dict[AttackName, Budget] = {
            "goat": self.goat,
            "crescendo": self.crescendo,
            "pair": self.pair,
            "tap": self.tap,
        }
        return budgets[attack]

    def goal_list(self) -> tuple[Goal, ...]:
        """The goals with their names, each once."""
        unique = dict.fromkeys(self.goals)
        return tuple(
            Goal(id=f"goal-{i:02d}", request=request, category=category)
            for i, (request, category) in enumerate(unique, start=1)
        )

    @property
    def queries(self) -> int:
        """Most answers of one arm. Checked answers and the attacker's own replies come on top."""
        return len(self.goal_list()) * sum(self.budget(a).queries for a in self.attacks)


def _check_budget(name: AttackName, budget: Budget) -> None:
    for f in fields(budget):
        least = 0 if f.name == "backtracks" else 1
        if getattr(budget, f.name) < least:
            _wrong(f"{name}.{f.name}", getattr(budget, f.name), f"use at least {least}")


def _wrong(what: str, found: object, hint: str) -> None:
    raise UsageError(f"the adaptive plan has wrong {what}", cause=f"found {found!r}", hint=hint)
