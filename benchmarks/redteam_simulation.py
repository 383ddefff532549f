"""How often a red team flags something, by simulation of its comparisons and the gate's rule.

    PYTHONPATH=src python benchmarks/redteam_simulation.py [RUNS]

One run has seven comparisons of 80 pairs each. The base is safe in 90 % of the pairs, and the pairs
that differ between the arms (churn) are 10 %, or as many as the drop needs. Margin 5 points, Holm
over the seven, one-sided level 5 %. *One*: only the first comparison drops.
"""

from __future__ import annotations

import random
import sys

from backslide.core.redteam import FocusResult, RedTeam
from backslide.core.results import Comparison
from backslide.gate.policy import load_policy
from backslide.gate.redteam import flagged
from backslide.redteam.outcome import Question, compare_rates
from markdown_table import header, row

COMPARISONS, PAIRS, BASE, CHURN = 7, 80, 0.9, 0.10


def comparison(rng: random.Random, number: int, drop: float) -> Comparison:
    churn = max(CHURN, drop)
    lost, gained = (churn + drop) / 2, (churn - drop) / 2
    base, tuned = [], []
    for _ in range(PAIRS):
        u = rng.random()
        both = u >= lost + gained and rng.random() < (BASE - lost) / (1 - churn)
        base.append(u < lost or both)
        tuned.append(lost <= u < lost + gained or both)
    question = Question(check=f"redteam.turns.{number}", focus="turns", title=str(number))
    return compare_rates(question, base, tuned, [str(i) for i in range(PAIRS)])


def run(rng: random.Random, drops: list[float]) -> frozenset[str]:
    found = tuple(comparison(rng, i, d) for i, d in enumerate(drops))
    focus = FocusResult(focus="turns", title="turns", comparisons=found)
    team = RedTeam(
        base="b",
        tuned="t",
        judge="rules",
        seed=0,
        budget_seconds=None,
        created="2026-01-01T00:00:00+00:00",
        focuses=(focus,),
    )
    return flagged(team, load_policy())


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    header("Runs with a flag", "true drop", "in", "runs", "with a flag")
    for drop in (0.0, 0.05, 0.10, 0.15, 0.20, 0.30):
        for where, count in (("all seven", COMPARISONS), ("one", 1)):
            rng = random.Random(f"{drop} {where}")
            drops = [drop] * count + [0.0] * (COMPARISONS - count)
            hits = sum(bool(run(rng, drops)) for _ in range(runs))
            row(f"{drop:.0%}", where, runs, f"{hits / runs:.1%}")


if __name__ == "__main__":
    main()
