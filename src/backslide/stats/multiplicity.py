"""Adjusted p-values for a family of tests.

Holm guards a decision ("some category got worse, so block"), Benjamini-Hochberg a list of leads.
A decision that needs every test to pass (certification) needs neither.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backslide.stats.arguments import finite_vector
from backslide.stats.result import FloatArray


def holm(p: npt.ArrayLike) -> FloatArray:
    """Step-down adjusted p-values: rejecting those <= alpha keeps P(any false rejection) <= alpha.

    Args:
        p: (tests,) p-values in [0, 1], in any order and with any dependence.

    Returns (tests,) adjusted values in the same order. Source: Holm (1979), Scandinavian Journal
    of Statistics 6:65.
    """
    values = _p_values(p)
    order = np.argsort(values, kind="stable")
    remaining = np.arange(len(values), 0, -1)
    stepped = np.maximum.accumulate(values[order] * remaining)
    return _in_given_order(stepped, order)


def benjamini_hochberg(p: npt.ArrayLike) -> FloatArray:
    """Step-up adjusted p-values: rejecting those <= q keeps the false discovery rate <= q.

    Args:
        p: (tests,) p-values in [0, 1], independent or positively dependent.

    Returns (tests,) adjusted values in the same order. Source: Benjamini & Hochberg (1995),
    J. Royal Statistical Society B 57:289, procedure 1.
    """
    values = _p_values(p)
    order = np.argsort(values, kind="stable")
    ranks = np.arange(1, len(values) + 1)
    scaled = values[order] * len(values) / ranks
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _in_given_order(stepped, order)


def _p_values(p: npt.ArrayLike) -> FloatArray:
    values = finite_vector("p", p)
    if ((values < 0.0) | (values > 1.0)).any():
        raise ValueError("p holds a value outside [0, 1]")
    return values


def _in_given_order(stepped: FloatArray, order: npt.NDArray[np.intp]) -> FloatArray:
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
