"""Paired data with known truth, for the simulation tests."""

import numpy as np


def paired_tables(rng, size, n, drop, churn):
    """(size, 3) losses, gains and concordant pairs of independent prompts."""
    loss, gain = drop + churn / 2, churn / 2
    return rng.multinomial(n, [loss, gain, 1 - loss - gain], size=size)


def distinct(tables):
    """The distinct tables with their shares, so that each is analysed once."""
    table, often = np.unique(tables, axis=0, return_counts=True)
    return table, often / often.sum()


def paraphrased(rng, clusters, paraphrases, loss, gain, follow):
    """0/1 arms in clusters: a prompt follows its cluster's own draw with probability ``follow``.

    ``follow`` squared is the correlation of two paraphrases. Returns base, tuned, cluster.
    """
    shape = (clusters, paraphrases)
    common = rng.random((clusters, 1))
    draw = np.where(rng.random(shape) < follow, common, rng.random(shape)).ravel()
    lost, gained = draw < loss, draw > 1 - gain
    concordant = rng.random(draw.size) < 0.8
    base = np.where(lost | gained, lost, concordant)
    tuned = np.where(lost | gained, gained, concordant)
    return base.astype(float), tuned.astype(float), np.repeat(np.arange(clusters), paraphrases)


def repeated(rng, prompts, repeats, base_mean, icc, drop=0.0, tuned_icc=None):
    """Safe counts of both arms over repeats; prompts have their own probabilities.

    Probabilities are Beta with intraclass correlation ``icc``. Without a drop and with equal
    correlation both arms share them. Returns base and tuned counts.
    """

    def probabilities(mean, correlation):
        size = 1 / correlation - 1
        return rng.beta(mean * size, (1 - mean) * size, prompts)

    base = probabilities(base_mean, icc)
    changed = drop or tuned_icc is not None
    tuned = probabilities(base_mean - drop, tuned_icc or icc) if changed else base
    return rng.binomial(repeats, base), rng.binomial(repeats, tuned)
