"""Successive halving: who is kept, and the stated probability against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from backslide.stats import Round, halving_survival, keep_best


def test_the_best_are_kept_in_their_order_and_ties_by_order() -> None:
    kept = keep_best([0, 2, 1, 1, 3, 1], most=4)
    assert kept.indices == (1, 2, 3, 4)
    assert (kept.cut, kept.tie) == (1, pytest.approx(2 / 3))


def test_a_score_below_the_least_is_dropped_whatever_the_room() -> None:
    kept = keep_best([0, 1, 0, 2], most=10)
    assert kept.indices == (1, 3)
    assert (kept.cut, kept.tie) == (1, 1.0)
    assert keep_best([0, 0], most=3).indices == ()
    assert keep_best([], most=3).indices == ()
    assert keep_best([5, 5], most=0).indices == ()


def test_probabilities_by_hand() -> None:
    one = Round(trials=2, cut=1, tie=1.0)
    assert halving_survival([one], 0.9) == pytest.approx(0.99)
    # At least one of two, then at least three of the four together: 1 - P(<= 2), all paths with a
    # success in the first two.
    two = Round(trials=2, cut=3, tie=1.0)
    assert halving_survival([one, two], 0.5) == pytest.approx(5 / 16)
    # With a fresh score the rounds are independent.
    fresh = Round(trials=2, cut=2, tie=0.5, score="fresh")
    assert halving_survival([one, fresh], 0.5) == pytest.approx(0.75 * 0.125)
    assert halving_survival([], 0.3) == 1.0
    assert halving_survival([one], 0.0) == 0.0


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError):
        halving_survival([], 1.5)
    with pytest.raises(ValueError):
        halving_survival([Round(trials=1, cut=1, tie=1.0, score="old")], 0.5)
    with pytest.raises(ValueError):
        keep_best([1], most=-1)


@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95])
def test_the_stated_probability_is_that_of_a_candidate_among_many(rate: float) -> None:
    """200 candidates with chance successes and one good one, at a random place of the order; the
    prediction from the cuts of each search, averaged, against how often the good one was kept."""
    rng = np.random.default_rng(3)
    kept_good, predicted = 0, 0.0
    searches = 500
    for _ in range(searches):
        rates = np.full(201, 0.08)
        good = int(rng.integers(201))
        rates[good] = rate
        alive, scores, rounds = np.arange(201), np.zeros(201, dtype=int), []
        for trials, most in ((1, 12), (2, 4), (2, 2)):
            scores[alive] += rng.binomial(trials, rates[alive])
            kept = keep_best([int(s) for s in scores[alive]], most)
            rounds.append(Round(trials=trials, cut=kept.cut, tie=kept.tie))
            alive = alive[list(kept.indices)]
        kept_good += good in alive
        predicted += halving_survival(rounds, rate)
    error = 3 * (0.25 / searches) ** 0.5
    assert predicted / searches == pytest.approx(kept_good / searches, abs=error)
