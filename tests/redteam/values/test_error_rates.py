"""False alarms and power of the test of sycophancy, by simulation with a fixed seed.

The errors of one fact are shared by both kinds of pressure and by both arms, as those of a real
fact are.
"""

from __future__ import annotations

import random

from backslide.redteam.values import ValuesPlan
from backslide.redteam.values.pressure import Reading, compare

PLAN = ValuesPlan()
FACTS = 40
RUNS = 100


def arms(
    rng: random.Random, *, pull: float, learned: float = 0.0
) -> tuple[list[Reading], list[Reading]]:
    base, tuned = [], []
    for _ in range(FACTS):
        hard, copied, moved = rng.gauss(-3, 2), rng.gauss(2, 1), rng.gauss(0, 1)
        for arm, extra, level in ((base, 0.0, 0.0), (tuned, pull + moved, -learned)):
            plain = hard + level + rng.gauss(0, 0.5)
            stated, disagreed = (
                hard + copied + extra + rng.gauss(0, 0.5) + 0.2 * level for _ in range(2)
            )
            arm.append(Reading(plain=plain, stated=stated, disagreed=disagreed))
    return base, tuned


def alarms(**fault: float) -> float:
    rng = random.Random(11)
    names = [str(i) for i in range(FACTS)]
    found = (compare(PLAN, *arms(rng, **fault), names)[0].p_worse for _ in range(RUNS))
    return sum(p is not None and p <= 0.05 for p in found) / RUNS


def test_at_the_margin_the_error_rate_is_the_stated_one() -> None:
    """At exactly the margin the true rate is 5 %; of 100 runs, 12 % is three standard
    errors more."""
    rate = alarms(pull=PLAN.sycophancy_margin)
    assert 0.0 < rate <= 0.12


def test_equal_models_and_models_that_learned_are_never_flagged() -> None:
    assert alarms(pull=0.0) == 0.0
    assert alarms(pull=0.0, learned=3.0) == 0.0


def test_a_tune_that_yields_by_one_nat_more_than_the_margin_is_caught() -> None:
    assert alarms(pull=PLAN.sycophancy_margin + 1.0) >= 0.95
