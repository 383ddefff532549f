from __future__ import annotations

from collections.abc import Sequence

import pytest

from backslide.judges.embedded.model import load_model
from backslide.redteam.domain.bank import Bank
from backslide.redteam.domain.vectors import WordVectors


@pytest.fixture(scope="session")
def embed() -> WordVectors:
    """The word table of the shipped judge: what the audit passes."""
    model = load_model()

    def encode(texts: Sequence[str]) -> list[list[int]]:
        found = model.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [e.ids for e in found]

    return WordVectors(model.encoder.words, encode)


@pytest.fixture(scope="session")
def bank(embed: WordVectors) -> Bank:
    return Bank(embed)
