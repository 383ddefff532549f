"""Groups of like vectors: spherical k-means, and how many groups there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backslide.redteam.domain.vectors import Vectors, unit

RESTARTS = 4
ROUNDS = 50
FEWEST = 8
"""Fewer texts than that are one group."""
JUDGED = 800
"""Texts whose silhouettes are computed; the cost is quadratic."""
Labels = npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """Group of every vector, 0 to k - 1, largest first, and unit centres (k, dimensions).
    ``silhouette`` is the mean one, None for a single group."""

    labels: Labels
    centres: Vectors
    silhouette: float | None


def group(vectors: Vectors, most: int, rng: np.random.Generator) -> Groups:
    """The number of groups from 1 to ``most`` with the highest mean silhouette.

    Args:
        vectors: (texts, dimensions) of length 1.
        most: groups at most; each holds at least two texts on average.
        rng: the only source of randomness.

    One group where there are fewer than 8 distinct texts or no silhouette is above 0.
    """
    n = len(vectors)
    best = Groups(labels=np.zeros(n, np.intp), centres=_centre(vectors), silhouette=None)
    if n < FEWEST:
        return best
    for k in range(2, min(most, n // 2) + 1):
        labels, centres = spherical_kmeans(vectors, k, rng)
        if len(np.unique(labels)) < 2:
            continue
        value = silhouette(vectors[:JUDGED], labels[:JUDGED])
        if value is not None and value > (best.silhouette or 0.0):
            best = Groups(labels=labels, centres=centres, silhouette=value)
    return _largest_first(best)


def spherical_kmeans(vectors: Vectors, k: int, rng: np.random.Generator) -> tuple[Labels, Vectors]:
    """k-means of unit vectors by cosine, the best of four starts.

    Source: Dhillon & Modha (2001), Machine Learning 42:143, section 3 (the algorithm); Arthur &
    Vassilvitskii (2007), SODA, section 2.2 (starts far apart). A group that loses all its members
    is given the vector that its own centre describes worst.
    """
    found = [_climb(vectors, _starts(vectors, k, rng)) for _ in range(RESTARTS)]
    fit = [float((vectors * centres[labels]).sum()) for labels, centres in found]
    return found[int(np.argmax(fit))]


def _starts(vectors: Vectors, k: int, rng: np.random.Generator) -> Vectors:
    chosen = [int(rng.integers(len(vectors)))]
    far = 1.0 - vectors @ vectors[chosen[0]]
    for _ in range(k - 1):
        weights = np.maximum(far, 0.0).astype(np.float64)
        total = weights.sum()
        even = np.full(len(vectors), 1.0 / len(vectors))
        chosen.append(int(rng.choice(len(vectors), p=weights / total if total > 0 else even)))
        far = np.minimum(far, 1.0 - vectors @ vectors[chosen[-1]])
    return vectors[chosen]


def _climb(vectors: Vectors, centres: Vectors) -> tuple[Labels, Vectors]:
    labels = np.full(len(vectors), -1, np.intp)
    for _ in range(ROUNDS):
        near = vectors @ centres.T
        new = np.argmax(near, axis=1)
        _fill(new, near, len(centres))
        if (new == labels).all():
            break
        labels = new
        members = np.eye(len(centres), dtype=np.float32)[labels]
        centres = unit(members.T @ vectors)
    return labels, centres


def _fill(labels: Labels, near: Vectors, k: int) -> None:
    """Give each empty group the worst described vector of a group that can spare one."""
    for empty in np.flatnonzero(np.bincount(labels, minlength=k) == 0):
        spare = np.bincount(labels, minlength=k)[labels] > 1
        if spare.any():
            fit = np.where(spare, near[np.arange(len(labels)), labels], np.inf)
            labels[int(np.argmin(fit))] = empty


def silhouette(vectors: Vectors, labels: Labels) -> float | None:
    """Mean silhouette by cosine distance; None with fewer than two groups.

    (b - a) / max(a, b): a the mean distance to the others of the own group, b that to the nearest
    other group; 0 for a vector alone. Source: Rousseeuw (1987), J. Comput. Appl. Math. 20:53,
    section 2.
    """
    names, codes = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        return None
    members = np.eye(len(names), dtype=np.float64)[codes]
    sizes = members.sum(axis=0)
    total = np.maximum(1.0 - vectors.astype(np.float64) @ vectors.T, 0.0) @ members
    rows = np.arange(len(vectors))
    own = total[rows, codes] / np.maximum(sizes[codes] - 1.0, 1.0)
    other = total / sizes
    other[rows, codes] = np.inf
    nearest = other.min(axis=1)
    larger = np.maximum(own, nearest)
    apart = (nearest - own) / np.maximum(larger, 1e-12)
    values = np.where((sizes[codes] > 1) & (larger > 1e-12), apart, 0.0)
    return float(values.mean())


def _centre(vectors: Vectors) -> Vectors:
    return unit(vectors.mean(axis=0, keepdims=True)) if len(vectors) else vectors


def _largest_first(groups: Groups) -> Groups:
    sizes = np.bincount(groups.labels, minlength=len(groups.centres))
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Groups(
        labels=rank[groups.labels], centres=groups.centres[order], silhouette=groups.silhouette
    )
