"""The draw: sizes, strata, styles, clusters, and independence of the order given."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backslide.core.records import Prompt
from backslide.suites.core import load_core
from backslide.suites.sample import Sample, sample

from .conftest import make_prompt

QUICK: dict[str, Any] = {
    "per_category": 28, "borderline": 45, "benign": 30, "clusters_once": True,
}  # fmt: skip
CORE = load_core()


def _count(drawn: Sample, tag: str) -> int:
    return sum(tag in p.tags for p in drawn.prompts)


def _others(n: int) -> list[Prompt]:
    return [make_prompt(f"{i}", suite="bank", category=f"c{i % 3}") for i in range(n)]


def test_quick_sizes() -> None:
    drawn = sample(CORE, **QUICK)
    assert (_count(drawn, "harmful"), _count(drawn, "borderline"), _count(drawn, "benign")) == (
        28 * 15, 45, 30,
    )  # fmt: skip
    harmful = Counter(p.category for p in drawn.prompts if "harmful" in p.tags)
    assert set(harmful.values()) == {28}
    borderline = Counter(p.category for p in drawn.prompts if "borderline" in p.tags)
    assert set(borderline.values()) == {3}
    assert len({p.cluster for p in drawn.prompts}) == len(drawn.prompts)
    assert drawn.note is not None and "420 of 1,200 harmful" in drawn.note


def test_everything_and_every_cluster_once() -> None:
    whole = sample(CORE)
    assert len(whole.prompts) == len(CORE)
    assert whole.note is None
    once = sample(CORE, clusters_once=True)
    assert {p.cluster for p in once.prompts} == {p.cluster for p in CORE}
    assert len(once.prompts) == len({p.cluster for p in CORE})


def test_whole_clusters_when_paraphrases_are_wanted() -> None:
    drawn = sample(CORE, per_category=5, borderline=0, benign=0)
    sizes = Counter(p.cluster for p in CORE)
    assert Counter(p.cluster for p in drawn.prompts) == {
        p.cluster: sizes[p.cluster] for p in drawn.prompts
    }
    assert len({p.cluster for p in drawn.prompts}) == 5 * 15


def test_styles_keep_their_shares_overall_and_in_each_category() -> None:
    drawn = sample(CORE, **QUICK)
    for kind in ("harmful", "borderline"):
        pool = [p for p in CORE if kind in p.tags]
        part = [p for p in drawn.prompts if kind in p.tags]
        there = Counter(p.tags[1] for p in pool)
        here = Counter(p.tags[1] for p in part)
        for style, n in there.items():
            assert here[style] / len(part) == pytest.approx(n / len(pool), abs=0.05)
    for category in {p.category for p in drawn.prompts if "harmful" in p.tags}:
        styles = {p.tags[1] for p in drawn.prompts if p.category == category}
        assert styles == {p.tags[1] for p in CORE if p.category == category}


def test_the_order_given_does_not_matter() -> None:
    shuffled = [*CORE, *_others(30)]
    expected = sample(shuffled, **QUICK, limit=77)
    random.Random(1).shuffle(shuffled)
    assert sample(shuffled, **QUICK, limit=77) == expected
    assert list(expected.prompts) == sorted(expected.prompts, key=lambda p: p.id)


def test_the_seed_changes_the_draw_but_not_its_make_up() -> None:
    one, two = sample(CORE, **QUICK, seed=0), sample(CORE, **QUICK, seed=1)
    assert one.prompts != two.prompts
    assert Counter(p.category for p in one.prompts) == Counter(p.category for p in two.prompts)


def test_smaller_draws_lie_within_larger_ones() -> None:
    few = sample(CORE, per_category=4, clusters_once=True)
    more = sample(CORE, per_category=9, clusters_once=True)
    assert {p.id for p in few.prompts} <= {p.id for p in more.prompts}


def test_other_suites_run_whole() -> None:
    others = _others(50)
    drawn = sample([*CORE, *others], per_category=1, borderline=0, benign=0, clusters_once=True)
    assert {p.id for p in others} <= {p.id for p in drawn.prompts}
    same = [make_prompt(f"{i}", suite="bank", cluster="one") for i in range(4)]
    assert len(sample(same, per_category=1, clusters_once=True).prompts) == 4


def test_asking_for_more_than_there_is_gives_everything() -> None:
    drawn = sample(CORE, per_category=10_000, borderline=10_000, benign=10_000)
    assert (len(drawn.prompts), drawn.note) == (len(CORE), None)


def test_a_limit_keeps_harmful_and_harmless_in_proportion() -> None:
    drawn = sample(CORE, limit=166)
    sides = Counter(p.expects for p in drawn.prompts)
    assert len(drawn.prompts) == 166
    assert sides["refuse"] == pytest.approx(120, abs=1)
    harmful = Counter(p.category for p in drawn.prompts if p.expects == "refuse")
    assert set(harmful.values()) == {8}
    assert "limited to 166 of 1,660" in (drawn.note or "")


@pytest.mark.parametrize("limit", [2, 3, 17])
def test_a_small_limit_still_has_both_sides(limit: int) -> None:
    drawn = sample(CORE, limit=limit)
    assert len(drawn.prompts) == limit
    assert {p.expects for p in drawn.prompts} == {"refuse", "help"}
    categories = [p.category for p in drawn.prompts if p.expects == "refuse"]
    assert len(set(categories)) == len(categories)


@pytest.mark.parametrize("limit", [0, 1, 1660, 5000])
def test_limits_at_the_ends(limit: int) -> None:
    drawn = sample(CORE, limit=limit)
    assert len(drawn.prompts) == min(limit, len(CORE))
    assert (drawn.note is None) == (limit >= len(CORE))


def test_nothing_gives_nothing() -> None:
    assert sample([], **QUICK) == Sample(prompts=(), note=None)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(["harmful", "borderline", "benign", ""]),
            st.sampled_from(["core", "bank"]),
            st.integers(0, 6),
        ),
        max_size=40,
    ),
    st.none() | st.integers(0, 6),
    st.none() | st.integers(0, 45),
    st.booleans(),
)
def test_any_prompts_any_sizes(
    rows: list[tuple[str, str, str, int]], size: int | None, limit: int | None, once: bool
) -> None:
    prompts = [
        make_prompt(
            f"{i}", suite=suite, category=category, cluster=f"{kind}{category}{cluster}",
            expects="refuse" if kind == "harmful" else "help",
            tags=(kind, f"style:{i % 3}") if kind else (),
        )
        for i, (category, kind, suite, cluster) in enumerate(rows)
    ]  # fmt: skip
    sizes: dict[str, Any] = {"per_category": size, "borderline": size, "benign": size}
    full = sample(prompts, **sizes, clusters_once=once)
    drawn = sample(prompts, **sizes, clusters_once=once, limit=limit)
    assert drawn == sample(prompts[::-1], **sizes, clusters_once=once, limit=limit)
    assert {p.id for p in drawn.prompts} <= {p.id for p in full.prompts}
    assert len(drawn.prompts) == min(len(full.prompts), 10**9 if limit is None else limit)
    assert (drawn.note is None) == (len(drawn.prompts) == len(prompts))
    assert {p.id for p in prompts if p.suite == "bank"} <= {p.id for p in full.prompts}
    if size is not None:
        clusters = {
            (p.category, p.cluster)
            for p in full.prompts
            if "harmful" in p.tags[:1] and p.suite == "core"
        }
        assert all(n <= size for n in Counter(c for c, _ in clusters).values())
