from __future__ import annotations

import numpy as np
import pytest

from backslide.redteam.domain.clusters import group, silhouette, spherical_kmeans
from backslide.redteam.domain.vectors import Vectors, unit


def _blobs(centres: int, each: int, spread: float, seed: int = 0) -> tuple[Vectors, np.ndarray]:
    rng = np.random.default_rng(seed)
    middle = unit(rng.normal(size=(centres, 32)).astype(np.float32))
    labels = np.repeat(np.arange(centres), each)
    noise = rng.normal(size=(len(labels), 32)).astype(np.float32) * spread / np.sqrt(32)
    return unit(middle[labels] + noise), labels


def test_silhouette_by_hand() -> None:
    # Cosine distances: 1 between the first two, 2 and 1 to the third.
    vectors = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    # (2 - 1) / 2, (1 - 1) / 1, and 0 for the one that is alone.
    assert silhouette(vectors, np.array([0, 0, 1])) == pytest.approx((0.5 + 0 + 0) / 3)
    assert silhouette(vectors, np.array([0, 0, 0])) is None


def test_finds_the_number_of_groups() -> None:
    for centres in (2, 3, 5, 8):
        vectors, labels = _blobs(centres, 30, 0.5, seed=centres)
        found = group(vectors, 12, np.random.default_rng(1))
        assert len(found.centres) == centres
        pairs = {(int(a), int(b)) for a, b in zip(labels, found.labels, strict=True)}
        assert len(pairs) == centres
        assert found.silhouette is not None and found.silhouette > 0.5


def test_groups_are_largest_first_and_capped() -> None:
    vectors, _ = _blobs(20, 10, 0.3)
    found = group(vectors, 12, np.random.default_rng(0))
    sizes = np.bincount(found.labels)
    assert len(sizes) <= 12
    assert (np.diff(sizes) <= 0).all()


def test_degenerate_inputs_are_one_group() -> None:
    rng = np.random.default_rng(0)
    for vectors in (
        np.zeros((40, 8), np.float32),
        np.tile(np.eye(8, dtype=np.float32)[0], (40, 1)),
    ):
        found = group(vectors, 12, rng)
        assert len(found.centres) == 1 and found.silhouette is None
    assert len(group(np.eye(3, dtype=np.float32), 12, rng).centres) == 1


def test_same_seed_same_groups_and_no_group_is_empty() -> None:
    vectors, _ = _blobs(3, 12, 1.5)
    one = spherical_kmeans(vectors, 9, np.random.default_rng(5))
    two = spherical_kmeans(vectors, 9, np.random.default_rng(5))
    assert (one[0] == two[0]).all()
    assert len(np.unique(one[0])) == 9
