"""Measure coverage, type I error and power of every method in backslide.stats.

    PYTHONPATH=src python benchmarks/stats_simulation.py --seed 20250101

prints the tables of docs/statistics.md. One thread, about 80 seconds of processor time.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from functools import cache

import numpy as np

from backslide.stats import (
    Unavailable,
    bonett_price_interval,
    holm,
    mcnemar_exact,
    mcnemar_midp,
    newcombe_interval,
    noninferiority_power,
    paired_variance_test,
    partial_pool,
    relative_drop,
    tango_interval,
    tango_test,
)
from markdown_table import header, row
from stats_simulation_clusters import beta, paraphrases, pseudo_pairs, repeats


def wald(b, c, n):
    drop = (b - c) / n
    half = 1.959964 * np.sqrt(((b + c) / n - drop**2) / n)
    return drop - half, drop + half


def intervals(n11, b, c, n00):
    n = n11 + b + c + n00
    for found in (newcombe_interval(n11, b, c, n00), tango_interval(b, c, n)):
        yield found.low, found.high
    found = bonett_price_interval(b, c, n)
    yield found.low, found.high
    yield wald(b, c, n)


def interval_coverage(rng) -> None:
    header(
        "Intervals of the drop at a nominal 95%: coverage, unsafe misses (bound below the truth)",
        "n, base, drop, churn", "Newcombe 10", "Tango", "Bonett-Price", "Wald", "relative (Tang)",
    )  # fmt: skip
    for n, base, drop, churn in [
        (30, 0.95, 0.05, 0.04),
        (30, 0.90, 0.10, 0.05),
        (60, 0.95, 0.05, 0.04),
        (100, 0.90, 0.10, 0.05),
        (500, 0.95, 0.05, 0.04),
    ]:
        loss, gain = drop + churn / 2, churn / 2
        both = min(base - loss, 1 - loss - gain)
        cells = np.array([both, loss, gain, 1 - both - loss - gain])
        tables, often = np.unique(rng.multinomial(n, cells, 5000), axis=0, return_counts=True)
        share = often / often.sum()
        bounds = np.array([list(intervals(*table)) for table in tables])
        low, high = bounds[:, :, 0], bounds[:, :, 1]
        covered = share @ ((low <= drop + 1e-12) & (drop - 1e-12 <= high))
        unsafe = share @ (high < drop - 1e-12)
        ratios = [relative_drop(*table) for table in tables]
        relative = drop / (both + loss)
        inside = share @ [ratio.low <= relative <= ratio.high for ratio in ratios]
        missed = share @ [ratio.high < relative for ratio in ratios]
        row(
            f"{n}, {both + loss:.2f}, {drop}, {churn}",
            *[f"{x:.3f}, {y:.3f}" for x, y in zip(covered, unsafe, strict=True)],
            f"{inside:.3f}, {missed:.3f}",
        )


@cache
def p_greater(test, b, c) -> float:
    return test(b, c, "greater").p


def mcnemar_size(rng) -> None:
    header(
        "One-sided McNemar tests of no change at 0.05: false alarms",
        "n", "churn", "exact", "mid-p", "Tango (asymptotic)",
    )  # fmt: skip
    for n in (36, 100, 500):
        for churn in (0.05, 0.2):
            tables = Counter(map(tuple, rng.multinomial(n, [churn / 2] * 2 + [1 - churn], 20_000)))
            rates = np.zeros(3)
            for (b, c, _), often in tables.items():
                p = p_greater(mcnemar_exact, b, c), p_greater(mcnemar_midp, b, c)
                rates += often * (np.array([*p, tango_test(b, c, n, 0.0, "greater").p]) <= 0.05)
            row(n, churn, *map(float, rates / 20_000))


def certification() -> None:
    header(
        "Certifying a drop below 5 points at 0.05 (exact): false certificates, power",
        "n", *[f"psi {psi}" for psi in (0.05, 0.1, 0.2, 0.3)],
    )  # fmt: skip
    for n in (60, 100, 200, 500, 1000):
        cells = []
        for psi in (0.05, 0.1, 0.2, 0.3):
            false = noninferiority_power(n, 0.05, psi, true_drop=0.05)
            cells.append(f"{false:.3f}, {noninferiority_power(n, 0.05, psi):.3f}")
        row(n, *cells)


def holm_error(rng) -> None:
    header(
        "14 categories, Holm over mid-p at 0.05",
        "prompts each", "churn", "any false alarm, no change", "uncorrected",
        "one category -25 points: found", "and another one too",
    )  # fmt: skip
    for n in (36, 72, 144):
        for churn in (0.05, 0.1):
            drops = np.zeros(14)
            null = family_p(rng, n, churn, drops, 3000)
            drops[0] = 0.25
            alternative = family_p(rng, n, churn, drops, 1500)
            found = np.array([holm(p) <= 0.05 for p in alternative])
            row(
                n, churn,
                float(np.mean([(holm(p) <= 0.05).any() for p in null])),
                float((null <= 0.05).any(axis=1).mean()),
                float(found[:, 0].mean()), float(found[:, 1:].any(axis=1).mean()),
            )  # fmt: skip


def family_p(rng, n, churn, drops, size):
    """(size, categories) one-sided mid-p values."""
    loss, gain = drops + churn / 2, np.full(14, churn / 2)
    cells = np.column_stack([loss, gain, 1 - loss - gain])
    tables = rng.multinomial(n, cells, size=(size, 14))
    return np.array([[p_greater(mcnemar_midp, b, c) for b, c, _ in t] for t in tables])


def variance(rng) -> None:
    header(
        "Within-prompt variance, 5 repeats, base 0.9, one-sided 0.05",
        "prompts", "false alarms, ICC 0.6", "false alarms, ICC 0.9", "power, ICC 0.9 to 0.8",
        "power, ICC 0.9 to 0.7",
    )  # fmt: skip
    for prompts in (50, 100, 200, 500):
        settings = [(0.6, 0.6), (0.9, 0.9), (0.9, 0.8), (0.9, 0.7)]
        row(prompts, *[variance_rate(rng, prompts, *icc) for icc in settings])


def variance_rate(rng, prompts, base_icc, tuned_icc) -> float:
    k, found = np.full(prompts, 5), 0
    for _ in range(2000):
        base = beta(rng, 0.9, base_icc, prompts)
        tuned = base if base_icc == tuned_icc else beta(rng, 0.9, tuned_icc, prompts)
        result = paired_variance_test(
            rng.binomial(5, base), k, rng.binomial(5, tuned), k, np.arange(prompts)
        )
        found += not isinstance(result, Unavailable) and result.p <= 0.05
    return found / 2000


def pooling(rng) -> None:
    header(
        "Partial pooling of 14 loss rates of 2.5%: root mean square error, 95% interval coverage",
        "prompts each", "bad category", "raw", "pooled", "coverage", "bad category: raw mean",
        "bad category: pooled mean",
    )  # fmt: skip
    for n in (36, 72):
        for bad in (0.025, 0.275):
            truth = np.append(np.full(13, 0.025), bad)
            k = rng.binomial(n, truth, (150, 14))
            fits = [partial_pool(counts, np.full(14, n)) for counts in k]
            mean, low, high = (
                np.array([[getattr(rate, field) for rate in fit] for fit in fits])
                for field in ("mean", "low", "high")
            )
            raw, pooled = (np.sqrt(((x - truth) ** 2).mean()) for x in (k / n, mean))
            covered = ((low <= truth) & (truth <= high)).mean()
            row(n, bad, f"{raw:.4f}", f"{pooled:.4f}", float(covered), float(k[:, -1].mean() / n),
                float(mean[:, -1].mean()))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20250101)
    seed = parser.parse_args().seed
    start = time.perf_counter()
    certification()
    parts = (
        interval_coverage, mcnemar_size, holm_error, paraphrases, pseudo_pairs, repeats,
        variance, pooling,
    )  # fmt: skip
    # Every part has its own stream, so that one can change without moving the others.
    for part, stream in zip(parts, np.random.SeedSequence(seed).spawn(len(parts)), strict=True):
        part(np.random.default_rng(stream))
    print(f"\nseed {seed}, {time.perf_counter() - start:.0f} s, {time.process_time():.0f} s of CPU")


if __name__ == "__main__":
    main()
