"""Checks of arguments, shared by the public functions: a wrong call raises ``ValueError``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backslide.stats.result import FloatArray


def require_probability(name: str, value: float) -> None:
    """Raise unless ``value`` lies strictly between 0 and 1 (a confidence, an alpha, a power)."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie strictly between 0 and 1, not {value}")


def require_counts(**counts: float) -> None:
    """Raise unless every count is finite and not negative (effective counts may be fractions)."""
    for name, count in counts.items():
        if not (math.isfinite(count) and count >= 0):
            raise ValueError(f"{name} must be a count of zero or more, not {count}")


def require_discordance(b: float, c: float, n: float) -> None:
    """Raise unless b losses and c gains can occur in n pairs."""
    require_counts(b=b, c=c, n=n)
    # Effective counts are quotients: b + c may exceed n by a rounding error.
    if b + c > n * (1 + 1e-12):
        raise ValueError(f"{b} losses and {c} gains do not fit in {n} pairs")


def require_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def finite_vector(name: str, values: npt.ArrayLike) -> FloatArray:
    """Return ``values`` as a float vector; raise if it is not one or holds NaN or infinity."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not {vector.ndim}")
    if not np.isfinite(vector).all():
        raise ValueError(f"{name} holds a value that is not finite; leave missing pairs out")
    return vector


def paired_vectors(
    base: npt.ArrayLike, tuned: npt.ArrayLike, cluster: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.intp]]:
    """Return both arms as vectors and the cluster labels as codes 0, 1, ..., clusters - 1."""
    first, second = finite_vector("base", base), finite_vector("tuned", tuned)
    labels = np.asarray(cluster)
    if not (first.shape == second.shape == labels.shape):
        raise ValueError(
            f"base, tuned and cluster must be equally long, "
            f"not {first.shape}, {second.shape} and {labels.shape}"
        )
    return first, second, np.unique(labels, return_inverse=True)[1].astype(np.intp)
