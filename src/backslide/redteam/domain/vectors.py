"""Sentence vectors: the form that is expected, and a cheap maker of them.

The transformer of the embedded judge was trained to tell refusals from answers and has lost much
of what sentences are about: it names the right domain for 70 % of test descriptions, the weighted
mean of its own word vectors for 91 % (docs/redteam/domain.md). So its word table is used, not its
layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from backslide.redteam.domain.words import GRAMMAR, MARKERS

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Any]
"""Texts -> an array (texts, dimensions), any scale; every number finite."""
Encode = Callable[[Sequence[str]], Sequence[Sequence[int]]]
FIRST_WORD = 1990
"""Below it stand marks, letters and signs in the word pieces of BERT; above, words by frequency."""
MARKER_WEIGHT = 0.3


def embedded(embed: Embed, texts: Sequence[str]) -> Vectors:
    """What ``embed`` gives, checked: (texts, dimensions), finite.

    Raises:
        ValueError: a wrong shape or a number that is not finite.
    """
    out = np.asarray(embed(texts), dtype=np.float32)
    if out.ndim != 2 or len(out) != len(texts):
        raise ValueError(f"{len(texts)} texts were embedded as an array of shape {out.shape}")
    if not np.isfinite(out).all():
        raise ValueError("an embedding holds a number that is not finite")
    return out


def unit(vectors: Vectors) -> Vectors:
    """Rows of length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 1e-12, lengths, 1.0), dtype=np.float32)


class WordVectors:
    """Weighted mean of word vectors, without grammar words, rare words first.

    Args:
        table: (vocabulary, dimensions) word vectors, word pieces of BERT by falling frequency.
        encode: texts -> ids into the table, without marks of start and end.

    The weight log(1 + rank) stands for the inverse frequency of Arora et al. (2017, ICLR, "A simple
    but tough-to-beat baseline for sentence embeddings", section 3); words of the trade of
    assistants, which stand in every description, count 0.3.
    """

    def __init__(self, table: npt.ArrayLike, encode: Encode) -> None:
        self.table = np.asarray(table, dtype=np.float32)
        self.encode = encode
        self.mean = self.table[FIRST_WORD // 2 :].mean(axis=0)
        rank = np.maximum(np.arange(len(self.table)) - FIRST_WORD, 1)
        self.weights = np.log1p(rank).astype(np.float32)
        for weight, words in ((0.0, (*GRAMMAR, *".,?!;:'-\"()")), (MARKER_WEIGHT, MARKERS)):
            for ids in encode(sorted(words)):
                if len(ids) == 1:
                    self.weights[ids[0]] *= weight

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """(texts, dimensions); a text of grammar words only counts them all alike."""
        out = np.zeros((len(texts), self.table.shape[1]), dtype=np.float32)
        for n, ids in enumerate(self.encode(texts)):
            if len(ids):
                weights = self.weights[list(ids)]
                weights = weights if weights.sum() > 0 else np.ones_like(weights)
                out[n] = weights @ (self.table[list(ids)] - self.mean) / weights.sum()
        return out
