"""Paired counts with clusters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backslide.stats import paired_counts, tango_interval

from .scenarios import repeated

outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)
shares = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(0, 6)), min_size=1, max_size=60
)


@given(outcomes)
def test_singletons_give_the_plain_table(pairs):
    base, tuned = np.array(pairs, dtype=float).T
    counts = paired_counts(base, tuned, np.arange(len(pairs)))
    assert counts.design_effect == 1.0
    assert counts.n_effective == counts.n == counts.clusters == len(pairs)
    assert counts.b == counts.b_effective == sum(x and not y for x, y in pairs)
    assert counts.c == counts.c_effective == sum(y and not x for x, y in pairs)
    assert counts.n11 == counts.n11_effective == sum(x and y for x, y in pairs)
    assert counts.n00 == counts.n00_effective == sum(not x and not y for x, y in pairs)


@given(shares)
def test_cells_add_up_and_keep_the_drop(rows):
    base, tuned, cluster = np.array(rows).T
    counts = paired_counts(base, tuned, cluster.astype(int))
    assert counts.b + counts.c + counts.n11 + counts.n00 == pytest.approx(counts.n)
    assert counts.drop == pytest.approx((base - tuned).mean(), abs=1e-12)
    assert counts.design_effect >= 1.0
    assert counts.n_effective <= counts.n
    effective = counts.b_effective - counts.c_effective
    assert effective / counts.n_effective == pytest.approx(counts.drop, abs=1e-12)
    tango_interval(counts.b_effective, counts.c_effective, counts.n_effective)


@given(shares, st.randoms(use_true_random=False))
def test_order_and_names_of_clusters_do_not_matter(rows, random):
    base, tuned, cluster = np.array(rows).T
    order = list(range(len(rows)))
    random.shuffle(order)
    labels = [f"item-{int(label)}" for label in cluster]
    one = paired_counts(base, tuned, labels)
    other = paired_counts(base[order], tuned[order], [labels[i] for i in order])
    assert one.design_effect == pytest.approx(other.design_effect)
    assert one.clusters == other.clusters


@given(outcomes)
def test_exchanging_the_arms_exchanges_losses_and_gains(pairs):
    base, tuned = np.array(pairs, dtype=float).T
    cluster = np.arange(len(pairs)) // 3
    one, other = paired_counts(base, tuned, cluster), paired_counts(tuned, base, cluster)
    assert (one.b, one.c) == (other.c, other.b)
    assert one.design_effect == pytest.approx(other.design_effect)


def test_copies_are_worth_one_cluster():
    rng = np.random.default_rng(5)
    base, tuned = (rng.random((2, 60)) < [[0.9], [0.6]]).astype(float)
    copies = paired_counts(*(np.repeat(x, 4) for x in (base, tuned, np.arange(60))))
    assert copies.design_effect == pytest.approx(4, rel=0.05)
    assert copies.n_effective == pytest.approx(60, rel=0.05)


def test_no_discordance_assumes_the_worst():
    sizes = [1, 2, 5, 8]
    cluster = np.repeat(np.arange(4), sizes)
    counts = paired_counts(np.ones(16), np.ones(16), cluster)
    assert counts.design_effect == pytest.approx(sum(m * m for m in sizes) / 16)
    one = paired_counts(np.ones(6), np.zeros(6), np.zeros(6))
    assert one.n_effective == pytest.approx(1)


def test_a_scattered_loss_ends_the_worst_case_slowly():
    cluster = np.repeat(np.arange(60), 5)
    base, effects = np.ones(300), []
    for losses in (0, 1, 5, 60):
        tuned = np.ones(300)
        tuned[np.arange(losses) * 5] = 0.0
        effects.append(paired_counts(base, tuned, cluster).design_effect)
    assert effects[0] == 5
    assert effects[1] > 3 > effects[2] > effects[3]
    assert effects[3] < 1.2


def test_repeats_count_only_without_a_floor():
    rng = np.random.default_rng(33)
    base, tuned = repeated(rng, 200, 5, 0.8, 0.6)
    plain = paired_counts(base / 5, tuned / 5, np.arange(200))
    lower = paired_counts(base / 5, tuned / 5, np.arange(200), floor=0.0)
    assert plain.design_effect == 1.0
    assert 0.2 < lower.design_effect < 0.6
    assert lower.drop == plain.drop
    unchanged = paired_counts(np.ones(50), np.ones(50), np.arange(50), floor=0.0)
    assert unchanged.design_effect == 1.0


def test_no_pairs_are_zero_counts():
    counts = paired_counts([], [], [])
    assert (counts.n, counts.b, counts.n_effective, counts.clusters) == (0, 0, 0, 0)
    assert counts.drop is None


@pytest.mark.parametrize(
    "base, tuned, cluster",
    [
        ([1, 0], [1], [0, 1]),
        ([1, 0], [1, 0], [0]),
        ([2, 0], [1, 0], [0, 1]),
        ([1, 0], [1, -0.1], [0, 1]),
        ([1, float("nan")], [1, 0], [0, 1]),
        ([[1, 0]], [[1, 0]], [[0, 1]]),
    ],
)
def test_wrong_arguments(base, tuned, cluster):
    with pytest.raises(ValueError):
        paired_counts(base, tuned, cluster)


def test_the_floor_is_at_most_one():
    with pytest.raises(ValueError, match="floor"):
        paired_counts([1, 0], [1, 0], [0, 1], floor=2)
