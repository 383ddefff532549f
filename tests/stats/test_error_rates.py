"""Coverage and type I error by simulation; the longer table is benchmarks/stats_simulation.py."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from backslide.stats import (
    Unavailable,
    bonett_price_interval,
    cluster_bootstrap,
    holm,
    mcnemar_exact,
    mcnemar_midp,
    newcombe_interval,
    noninferiority,
    noninferiority_power,
    paired_counts,
    paired_mean_difference,
    paired_variance_test,
    partial_pool,
    relative_drop,
    tango_test,
    tango_upper,
)

from .scenarios import distinct, paired_tables, paraphrased, repeated


@pytest.mark.parametrize(
    "n, drop, churn",
    [(30, 0.05, 0.04), (30, 0.10, 0.05), (60, 0.05, 0.04), (100, 0.10, 0.05), (500, 0.05, 0.04)],
)
def test_tango_covers(n, drop, churn):
    tables, share = distinct(paired_tables(np.random.default_rng(21), 4000, n, drop, churn))
    b, c, _ = tables.T
    high, low = tango_upper(b, c, n, 0.975), -tango_upper(c, b, n, 0.975)
    assert share[(low <= drop) & (drop <= high)].sum() >= 0.94
    # The unsafe miss: the bound lies below the true drop. Nominal 0.025.
    assert share[high < drop].sum() <= 0.032


@pytest.mark.parametrize("n", [30, 100, 300])
def test_cross_check_intervals_cover(n):
    base, drop, churn = 0.9, 0.08, 0.06
    loss, gain = drop + churn / 2, churn / 2
    cells = [base - loss, loss, gain, 1 - base - gain]
    tables, share = distinct(np.random.default_rng(22).multinomial(n, cells, size=2500))
    newcombe = np.array([drop in newcombe_interval(*table) for table in tables])
    bonett = np.array([drop in bonett_price_interval(*table[1:3], n) for table in tables])
    ratios = [relative_drop(*table) for table in tables]
    relative = np.array([ratio.low <= drop / base <= ratio.high for ratio in ratios])
    for covered in (newcombe, bonett, relative):
        assert 0.935 <= share[covered].sum() <= 0.995


@pytest.mark.parametrize("n", [20, 50, 120])
@pytest.mark.parametrize("psi", [0.05, 0.2, 0.5])
def test_mcnemar_keeps_its_size(n, psi):
    sizes = {mcnemar_exact: 0.0, mcnemar_midp: 0.0}
    for m in range(n + 1):
        for test in sizes:
            rejected = [b for b in range(m + 1) if cached_p(test, b, m - b) <= 0.05]
            sizes[test] += binom.pmf(m, n, psi) * binom.pmf(rejected, m, 0.5).sum()
    # Exact by construction; mid-p may exceed the level by little and wastes less of it.
    assert sizes[mcnemar_exact] <= 0.05
    assert sizes[mcnemar_exact] <= sizes[mcnemar_midp] <= 0.053


@cache
def cached_p(test, b, c):
    return test(int(b), int(c), "greater").p


@pytest.mark.parametrize("n", [60, 100, 200, 500, 1000])
@pytest.mark.parametrize("psi", [0.05, 0.07, 0.10, 0.20, 0.30])
def test_false_certificates_at_the_margin(n, psi):
    assert noninferiority_power(n, 0.05, psi, true_drop=0.05) <= 0.055


def test_false_certificates_by_simulation():
    tables = paired_tables(np.random.default_rng(23), 6000, 300, 0.05, 0.05)
    table, share = distinct(tables)
    certified = np.array([noninferiority(b, c, 300, 0.05).certified for b, c, _ in table])
    assert 0.03 <= share[certified].sum() <= 0.055


@pytest.mark.parametrize("prompts, churn", [(36, 0.05), (36, 0.2), (100, 0.1)])
def test_holm_keeps_the_familywise_error(prompts, churn):
    tables = paired_tables(np.random.default_rng(24), (1500, 14), prompts, 0.0, churn)
    wrong = 0
    for family in tables:
        p = [cached_p(mcnemar_midp, b, c) for b, c, _ in family]
        wrong += (holm(p) <= 0.05).any()
    assert wrong / 1500 <= 0.055


@pytest.mark.parametrize("follow", [0.0, 0.55, 0.9])
def test_paraphrases_do_not_inflate_the_effective_counts(follow):
    rng = np.random.default_rng(25)
    p = {"rows": [], "effective": [], "t": []}
    for _ in range(1500):
        base, tuned, cluster = paraphrased(rng, 60, 5, 0.06, 0.06, follow)
        counts = paired_counts(base, tuned, cluster)
        p["rows"].append(cached_p(mcnemar_midp, counts.b, counts.c))
        effective = counts.b_effective, counts.c_effective, counts.n_effective
        p["effective"].append(tango_test(*effective, 0.0, "greater").p)
        shift = paired_mean_difference(base, tuned, cluster)
        p["t"].append(1.0 if isinstance(shift, Unavailable) else shift.p_less)
    size = {name: np.mean(np.array(values) <= 0.05) for name, values in p.items()}
    assert 0.025 <= size["effective"] <= 0.062
    assert 0.035 <= size["t"] <= 0.065
    if follow == 0.9:
        assert size["rows"] > 0.15


@pytest.mark.parametrize("clusters, follow", [(40, 0.55), (60, 0.9), (100, 0.0)])
def test_paraphrases_do_not_forge_certificates(clusters, follow):
    rng = np.random.default_rng(26)
    naive = certified = 0
    for _ in range(1500):
        data = paraphrased(rng, clusters, 5, 0.08, 0.03, follow)
        counts = paired_counts(*data)
        naive += tango_test(counts.b, counts.c, counts.n, 0.05).p <= 0.05
        effective = counts.b_effective, counts.c_effective, counts.n_effective
        certified += noninferiority(*effective, 0.05).certified
    assert certified / 1500 <= 0.06
    if follow == 0.9:
        assert naive / 1500 > 0.15


@pytest.mark.parametrize("icc", [0.3, 0.9])
def test_repeats_do_not_inflate(icc):
    rng = np.random.default_rng(27)
    wrong = {"rows": 0, "effective": 0, "floor 0": 0, "t": 0}
    for _ in range(1500):
        base, tuned = repeated(rng, 100, 5, 0.8, icc, drop=1e-12)
        losses = rng.hypergeometric(base, 5 - base, 5 - tuned).sum()
        gains = tuned.sum() - base.sum() + losses
        wrong["rows"] += cached_p(mcnemar_midp, losses, gains) <= 0.05
        for name, floor in (("effective", 1.0), ("floor 0", 0.0)):
            counts = paired_counts(base / 5, tuned / 5, np.arange(100), floor=floor)
            effective = counts.b_effective, counts.c_effective, counts.n_effective
            wrong[name] += tango_test(*effective, 0.0, "greater").p <= 0.05
        wrong["t"] += paired_mean_difference(base / 5, tuned / 5, np.arange(100)).p_less <= 0.05
    assert wrong["effective"] <= wrong["floor 0"] <= 0.062 * 1500
    assert 0.035 <= wrong["t"] / 1500 <= 0.065
    if icc == 0.9:
        assert wrong["rows"] / 1500 > 0.15


def test_unequal_clusters_do_not_mislead_the_t_interval():
    rng = np.random.default_rng(28)
    cluster = np.repeat(np.arange(20), rng.integers(1, 12, 20))
    covered = 0
    for _ in range(2000):
        effect = rng.normal(0, 1, 20)[cluster] + rng.normal(0, 1, len(cluster))
        shift = paired_mean_difference(np.zeros(len(cluster)), effect, cluster)
        covered += shift.low <= 0 <= shift.high
    assert 0.93 <= covered / 2000 <= 0.97


@pytest.mark.parametrize("clusters, paraphrases, follow", [(100, 1, 0.0), (60, 5, 0.7)])
def test_cluster_bootstrap_covers(clusters, paraphrases, follow):
    rng = np.random.default_rng(29)
    covered = []
    for _ in range(500):
        data = paraphrased(rng, clusters, paraphrases, 0.12, 0.04, follow)
        interval = cluster_bootstrap(*data, rng=rng, draws=1000)
        covered.append(0.08 - 1e-9 in interval or 0.08 + 1e-9 in interval)
    assert 0.91 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize("prompts, repeats, icc", [(50, 5, 0.6), (200, 3, 0.8), (100, 5, 0.3)])
def test_variance_test_keeps_its_size(prompts, repeats, icc):
    rng = np.random.default_rng(30)
    k, wrong = np.full(prompts, repeats), 0
    for _ in range(1500):
        base, tuned = repeated(rng, prompts, repeats, 0.9, icc)
        result = paired_variance_test(base, k, tuned, k, np.arange(prompts))
        wrong += not isinstance(result, Unavailable) and result.p <= 0.05
    assert 0.03 <= wrong / 1500 <= 0.065


def test_variance_test_finds_a_change():
    rng = np.random.default_rng(31)
    k, found = np.full(200, 5), 0
    for _ in range(300):
        base, tuned = repeated(rng, 200, 5, 0.9, 0.9, tuned_icc=0.7)
        result = paired_variance_test(base, k, tuned, k, np.arange(200))
        found += not isinstance(result, Unavailable) and result.p <= 0.05
    # Design research: 0.89.
    assert found / 300 > 0.8


def test_pooling_cuts_the_error_and_keeps_the_bad_category():
    rng = np.random.default_rng(32)
    n = np.full(14, 36)
    errors = {"raw": [], "pooled": []}
    for _ in range(60):
        k = rng.binomial(n, 0.025)
        pooled = np.array([rate.mean for rate in partial_pool(k, n)])
        errors["raw"].append(((k / n - 0.025) ** 2).mean())
        errors["pooled"].append(((pooled - 0.025) ** 2).mean())
    raw, shrunken = (np.sqrt(np.mean(values)) for values in errors.values())
    assert shrunken < 0.5 * raw
    truth = np.append(np.full(13, 0.025), 0.275)
    kept = []
    for _ in range(60):
        k = rng.binomial(n, truth)
        kept.append(partial_pool(k, n)[-1].mean / (k[-1] / 36))
    assert np.mean(kept) > 0.7
