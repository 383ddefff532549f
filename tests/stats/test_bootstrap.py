"""The cluster bootstrap."""

import time
import tracemalloc

import numpy as np
import pytest
import scipy.stats

from backslide.stats import Unavailable, cluster_bootstrap

from .scenarios import paraphrased


def interval(base, tuned, cluster, seed=6, **options):
    return cluster_bootstrap(base, tuned, cluster, rng=np.random.default_rng(seed), **options)


def test_agrees_with_scipy_where_clusters_are_singletons():
    rng = np.random.default_rng(7)
    base, tuned = rng.random((2, 200)) * [[1.0], [0.8]]
    ours = interval(base, tuned, np.arange(200))
    theirs = scipy.stats.bootstrap(
        (base - tuned,), np.mean, method="percentile", n_resamples=10_000, rng=rng
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_both_ways_of_drawing_agree():
    # 2000 clusters of 0/1 are drawn by distinct value, the same with a little noise one by one.
    rng = np.random.default_rng(8)
    base, tuned = (rng.random((2, 2000)) < [[0.9], [0.8]]).astype(float)
    noise = rng.normal(0, 1e-9, 2000)
    by_value = interval(base, tuned, np.arange(2000))
    one_by_one = interval(base + noise, tuned, np.arange(2000))
    assert by_value.low == pytest.approx(one_by_one.low, abs=0.002)
    assert by_value.high == pytest.approx(one_by_one.high, abs=0.002)


def test_copies_do_not_narrow():
    rng = np.random.default_rng(9)
    base, tuned = (rng.random((2, 100)) < [[0.9], [0.7]]).astype(float)
    single = interval(base, tuned, np.arange(100))
    copied = interval(*(np.repeat(x, 5) for x in (base, tuned, np.arange(100))))
    assert copied.high - copied.low == pytest.approx(single.high - single.low, rel=0.05)


def test_exchanging_the_arms_negates():
    rng = np.random.default_rng(10)
    base, tuned, cluster = paraphrased(rng, 50, 3, 0.15, 0.05, 0.5)
    one, other = interval(base, tuned, cluster), interval(tuned, base, cluster)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=0.006)


def test_relative_drop():
    rng = np.random.default_rng(11)
    base, tuned, cluster = paraphrased(rng, 300, 2, 0.1, 0.02, 0.5)
    relative = interval(base, tuned, cluster, statistic="relative_drop")
    assert 1 - tuned.sum() / base.sum() in relative
    drop = interval(base, tuned, cluster)
    assert relative.low == pytest.approx(drop.low / base.mean(), abs=0.01)


def test_the_same_generator_gives_the_same_interval():
    rng = np.random.default_rng(12)
    data = paraphrased(rng, 40, 3, 0.1, 0.05, 0.5)
    assert interval(*data, seed=1) == interval(*data, seed=1)


def test_too_little_is_no_number():
    few = interval(np.ones(90), np.zeros(90), np.repeat(np.arange(9), 10))
    assert few == Unavailable("9 clusters; a bootstrap needs 10")
    same = interval(np.ones(50), np.ones(50), np.arange(50))
    assert isinstance(same, Unavailable)
    zero = interval(np.zeros(50), np.ones(50), np.arange(50), statistic="relative_drop")
    assert isinstance(zero, Unavailable)
    rare = np.zeros(12)
    rare[0] = 1
    gone = interval(rare, 0.5 * np.ones(12), np.arange(12), statistic="relative_drop")
    assert isinstance(gone, Unavailable)


def test_wrong_arguments():
    ten = np.arange(10)
    for wrong in ({"draws": 10}, {"confidence": 95}, {"statistic": "odds"}):
        with pytest.raises(ValueError):
            interval(ten / 10, ten / 20, ten, **wrong)


def test_a_large_audit_is_fast_and_small():
    # 20 categories of 5000 prompts with 10 000 draws each.
    rng = np.random.default_rng(13)
    data = [paraphrased(rng, 2500, 2, 0.06, 0.02, 0.5) for _ in range(20)]
    tracemalloc.start()
    start = time.process_time()
    for category in data:
        interval(*category)
    assert time.process_time() - start < 5
    assert tracemalloc.get_traced_memory()[1] < 200e6
    tracemalloc.stop()
