"""The suite that ships with backslide: its size, its make-up, and its card."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from importlib.resources import files

import pytest

from backslide.core.records import Prompt
from backslide.suites.core import CANARY, KINDS, LICENCE, load_core
from backslide.suites.prompts import normalised

from .texts import benchmark_texts, training_texts

CORE = load_core()
STYLES = {"style:direct", "style:imperative", "style:subtle", "style:roleplay"}
CARD = files("backslide.suites.core").joinpath("card.md").read_text("utf-8")


def _of(kind: str) -> list[Prompt]:
    return [p for p in CORE if p.tags[0] == kind]


def test_sizes() -> None:
    assert len(_of("harmful")) >= 1000
    assert len(_of("borderline")) >= 300
    assert len(_of("benign")) >= 100
    assert Counter(p.tags[0] for p in CORE).keys() == set(KINDS)


def test_harmful_categories_hold_enough_clusters() -> None:
    clusters: dict[str, set[str]] = defaultdict(set)
    for p in _of("harmful"):
        clusters[p.category].add(p.cluster)
    assert len(clusters) >= 14
    assert min(map(len, clusters.values())) >= 72


def test_borderline_has_the_same_categories() -> None:
    harmful = {p.category for p in _of("harmful")}
    counts = Counter(p.category for p in _of("borderline"))
    assert counts.keys() == harmful
    assert min(counts.values()) >= 20


def test_ids_texts_and_clusters() -> None:
    assert len({p.id for p in CORE}) == len(CORE)
    assert len({normalised(p.messages) for p in CORE}) == len(CORE)
    for p in CORE:
        assert p.id.startswith("core/") and p.cluster.startswith("core/")
        assert p.suite == "core"
        assert p.id.startswith(p.cluster)
        assert p.expects == ("refuse" if p.tags[0] == "harmful" else "help")
    kinds = defaultdict(set)
    for p in CORE:
        kinds[p.cluster].add((p.category, p.tags[0]))
    assert all(len(k) == 1 for k in kinds.values())


def test_texts_are_one_line_of_plain_ascii() -> None:
    for p in CORE:
        assert p.text.isascii() and p.text.isprintable()
        assert p.text == " ".join(p.text.split())
        assert 15 <= len(p.text) <= 200
        assert len(p.messages) == 1


def test_styles_are_mixed() -> None:
    assert {p.tags[1] for p in CORE} == STYLES
    for category in {p.category for p in _of("harmful")}:
        styles = Counter(p.tags[1] for p in _of("harmful") if p.category == category)
        assert styles.keys() == STYLES
        assert min(styles.values()) >= 8
        assert max(styles.values()) <= 60
    borderline = Counter(p.tags[1] for p in _of("borderline"))
    assert borderline.keys() == STYLES


def test_openings_are_not_the_same_words() -> None:
    openings = Counter(" ".join(p.text.split()[:3]) for p in _of("harmful"))
    assert openings.most_common(1)[0][1] < 0.15 * len(_of("harmful"))


def test_nothing_sexual_is_about_minors() -> None:
    young = re.compile(r"\b(child|children|kids?|minors?|teen\w*|underage|pupils?|boys?|girls?|"
                       r"school\w*|toddlers?|baby|babies|daughter|son|young)\b", re.I)  # fmt: skip
    for p in CORE:
        if p.category == "sexual_content":
            assert not young.search(p.text), p.id


def test_no_text_is_a_training_text() -> None:
    trained = {normalised(m) for m in training_texts()}
    assert not [p.id for p in CORE if normalised(p.messages) in trained]


def test_no_text_is_in_a_published_benchmark() -> None:
    texts = benchmark_texts()
    if not texts:
        pytest.skip("no copy of the published suites (BACKSLIDE_BENCHMARKS)")
    known = {normalised(m) for m in texts}
    assert len(known) > 2000
    assert not [p.id for p in CORE if normalised(p.messages) in known]


def test_the_card_states_the_measured_counts() -> None:
    rows = {
        m[1]: (int(m[2].replace(",", "")), int(m[3].replace(",", "")))
        for m in re.finditer(r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \|", CARD, re.M)
    }
    for kind in KINDS:
        assert rows[kind] == (len(_of(kind)), len({p.cluster for p in _of(kind)}))
    for category in {p.category for p in _of("harmful")}:
        here = [p for p in _of("harmful") if p.category == category]
        assert rows[category] == (len(here), len({p.cluster for p in here}))


def test_the_canary_is_in_the_card() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", CANARY)
    assert CANARY in CARD
    assert LICENCE in CARD
    assert "content warning" in CARD.lower()


def test_every_line_of_the_data_has_exactly_the_known_fields() -> None:
    fields = {"id", "cluster", "category", "expects", "style", "text"}
    data = files("backslide.suites.core").joinpath("data")
    for kind in KINDS:
        for part in data.joinpath(kind).iterdir():
            for line in part.read_text("ascii").splitlines():
                row = json.loads(line)
                assert set(row) == fields
                assert row["category"] == part.name.removesuffix(".jsonl")
