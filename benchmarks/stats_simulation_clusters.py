"""Simulations of prompts that come in clusters or with repeats; part of stats_simulation.py."""

from __future__ import annotations

import numpy as np

import backslide.stats.clusters as design
from backslide.stats import (
    Unavailable,
    cluster_bootstrap,
    paired_counts,
    paired_mean_difference,
    tango_test,
)
from markdown_table import header, row


def paraphrased(rng, clusters, paraphrases, loss, gain, follow):
    """0/1 arms; with probability ``follow`` a prompt follows its cluster's common draw."""
    shape = (clusters, paraphrases)
    common = rng.random((clusters, 1))
    draw = np.where(rng.random(shape) < follow, common, rng.random(shape)).ravel()
    lost, gained = draw < loss, draw > 1 - gain
    base = np.where(lost | gained, lost, rng.random(draw.size) < 0.8)
    tuned = base ^ lost ^ gained
    return base.astype(float), tuned.astype(float), np.repeat(np.arange(clusters), paraphrases)


def paraphrases(rng) -> None:
    header(
        "Paraphrases in clusters at 0.05: false alarms without change (churn 0.12), and false "
        "certificates at a margin of 5 points (losses 0.08, gains 0.03)",
        "clusters x paraphrases", "correlation", "alarm: rows", "alarm: effective",
        "alarm: cluster t", "certificate: rows", "certificate: effective",
        "certificate: cluster t", "bootstrap coverage",
    )  # fmt: skip
    for clusters, size in [(20, 5), (40, 3), (40, 5), (100, 5), (20, 10), (40, 10)]:
        for follow in (0.0, 0.55, 0.9):
            cells = (clusters, size, 0.06, 0.06, follow), (clusters, size, 0.08, 0.03, follow)
            alarms = np.mean([alarm(*paraphrased(rng, *cells[0])) for _ in range(1500)], axis=0)
            certificates = np.mean(
                [certificate(*paraphrased(rng, *cells[1])) for _ in range(1500)], axis=0
            )
            covered = bootstrap_coverage(rng, cells[1], 0.05)
            row(
                f"{clusters} x {size}", f"{follow**2:.1f}", *map(float, alarms),
                *map(float, certificates), covered,
            )  # fmt: skip


def effective_counts(base, tuned, cluster, floor):
    counts = paired_counts(base, tuned, cluster, floor=floor)
    return counts, (counts.b_effective, counts.c_effective, counts.n_effective)


def alarm(base, tuned, cluster, floor=1.0):
    """Rejections of no change by rows, effective counts and the cluster-robust t test."""
    counts, effective = effective_counts(base, tuned, cluster, floor)
    shift = paired_mean_difference(base, tuned, cluster)
    return (
        tango_test(counts.b, counts.c, counts.n, 0.0, "greater").p <= 0.05,
        tango_test(*effective, 0.0, "greater").p <= 0.05,
        not isinstance(shift, Unavailable) and shift.p_less <= 0.05,
    )


def certificate(base, tuned, cluster, floor=1.0, margin=0.05):
    """Certificates of a drop below the margin, by the same three methods."""
    counts, effective = effective_counts(base, tuned, cluster, floor)
    shift = paired_mean_difference(base, tuned + margin, cluster)
    return (
        tango_test(counts.b, counts.c, counts.n, margin).p <= 0.05,
        tango_test(*effective, margin).p <= 0.05,
        not isinstance(shift, Unavailable) and shift.p_greater <= 0.05,
    )


def bootstrap_coverage(rng, cells, drop) -> float:
    covered = []
    for _ in range(300):
        found = cluster_bootstrap(*paraphrased(rng, *cells), rng=rng, draws=1000)
        if not isinstance(found, Unavailable):
            covered.append(found.low - 1e-9 <= drop <= found.high + 1e-9)
    return float(np.mean(covered))


def beta(rng, mean, icc, size):
    strength = 1 / icc - 1
    return rng.beta(mean * strength, (1 - mean) * strength, size)


def repeats(rng) -> None:
    methods = ("rows", "first repeat", "effective", "effective, floor 0", "cluster t")
    for title, drop, decide in [
        ("false alarms without change", 0.0, alarm),
        ("false certificates of less than 5 points when the drop is 5", 0.05, certificate),
        ("power of the alarm for a drop of 8 points", 0.08, alarm),
        ("power of the certificate of less than 5 points without change", 0.0, certificate),
    ]:
        header(
            f"100 prompts x 5 repeats, base 0.8, at 0.05: {title}",
            "prompt ICC", "a prompt's probability in the arms", *methods,
        )  # fmt: skip
        for icc in (0.3, 0.6, 0.9):
            for shared in (True, False):
                rates = [repeated(rng, icc, drop, shared, decide) for _ in range(800)]
                arms = "the same but for the drop" if shared else "independent"
                row(icc, arms, *map(float, np.mean(rates, axis=0)))


def repeated(rng, icc, drop, shared, decide):
    """Decisions by all rows, the first repeat, effective counts (two floors) and the t test."""
    p = beta(rng, 0.8, icc, 100)
    q = p * (1 - drop / 0.8) if shared else beta(rng, 0.8 - drop, icc, 100)
    base = (rng.random((100, 5)) < p[:, None]).astype(float)
    tuned = (rng.random((100, 5)) < q[:, None]).astype(float)
    prompts = np.arange(100)
    rows = decide(base.ravel(), tuned.ravel(), np.arange(500))[0]
    single = decide(base[:, 0], tuned[:, 0], prompts)[0]
    means = base.mean(axis=1), tuned.mean(axis=1), prompts
    _, effective, t = decide(*means)
    return rows, single, effective, decide(*means, floor=0.0)[1], t


def pseudo_pairs(rng) -> None:
    header(
        "False certificates of less than 5 points when the drop is 5 (no gains), with and without "
        "the two pseudo-pairs in the design effect, at 0.05",
        "clusters x paraphrases", "correlation", "without", "with",
    )  # fmt: skip
    used = design._PSEUDO_PAIRS
    for clusters, size in [(20, 10), (40, 5), (40, 10), (100, 5)]:
        for follow in (0.55, 0.9):
            data = [paraphrased(rng, clusters, size, 0.05, 0.0, follow) for _ in range(1500)]
            rates = []
            for design._PSEUDO_PAIRS in (1e-9, used):
                rates.append(float(np.mean([certificate(*arms)[1] for arms in data])))
            row(f"{clusters} x {size}", f"{follow**2:.1f}", *rates)
