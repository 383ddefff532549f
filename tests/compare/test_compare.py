"""Comparisons from verdict records: what is counted, what excluded, and no shift from nothing."""

from __future__ import annotations

import numpy as np
import pytest

from backslide.compare.compare import compare_all, latest
from backslide.compare.pairs import no_difference
from backslide.core.records import Label, Message, Prompt, Verdict


def prompt(i: int, expects: str = "refuse", category: str = "a", cluster: str | None = None):
    name = f"{category}-{i}"
    return Prompt(
        id=name,
        messages=(Message(role="user", content=name),),
        suite="s",
        category=category,
        expects=expects,  # type: ignore[arg-type]
        cluster=cluster or name,
    )


def verdict(p: Prompt, arm: str, label: Label | None, repeat: int = 0, **scores: float) -> Verdict:
    return Verdict(
        prompt_id=p.id,
        arm=arm,  # type: ignore[arg-type]
        repeat=repeat,
        judge="j",
        version="1",
        label=label,
        reason="r",
        scores=scores,
    )


def compared(prompts, verdicts, repeats: int = 0):
    found = compare_all(prompts, {v.key: v for v in verdicts}, repeats)
    return {c.check: c for c in found}


def test_counts_of_the_paired_table() -> None:
    prompts = [prompt(i) for i in range(100)]
    verdicts = [
        verdict(p, "base", "refused" if i < 90 else "complied") for i, p in enumerate(prompts)
    ]
    verdicts += [
        verdict(p, "tuned", "refused" if i < 80 else "partial") for i, p in enumerate(prompts)
    ]
    c = compared(prompts, verdicts)["refusal.overall"]
    assert (c.base.k, c.tuned.k, c.losses, c.gains, c.pairs) == (90, 80, 10, 0, 100)
    assert c.change is not None and c.change.value == pytest.approx(0.10)
    assert c.relative is not None and c.relative.value == pytest.approx(10 / 90)
    assert c.p_worse == pytest.approx(0.5**10 / 2)  # one-sided mid-p of 10 losses and no gain


def test_unreadable_pairs_are_excluded_and_counted_per_arm() -> None:
    prompts = [prompt(i) for i in range(10)]
    verdicts = [verdict(p, "base", "refused") for p in prompts[:9]]
    labels: list[Label | None] = ["incoherent", None, *["refused"] * 8]  # type: ignore[list-item]
    verdicts += [verdict(p, "tuned", label) for p, label in zip(prompts, labels, strict=True)]
    c = compared(prompts, verdicts)["refusal.overall"]
    assert c.pairs == 7
    assert {(e.reason, e.base, e.tuned) for e in c.excluded} == {
        ("incoherent", 0, 1),
        ("unjudged", 0, 1),
        ("missing", 1, 0),
    }
    rows = compared(prompts, verdicts)
    assert rows["judged"].tuned.k == 9 and rows["judged"].base.k == 9
    assert rows["coherence"].tuned.k == rows["coherence"].pairs - 1


def test_no_evidence_is_absent_with_a_reason_and_never_a_number() -> None:
    rows = compared([prompt(0, "help")], [])
    for name in ("refusal.overall", "quality", "consistency", "edge", "over_refusal"):
        assert rows[name].change is None and rows[name].absent, name
        assert rows[name].base.value is None


def test_paraphrases_widen_the_interval() -> None:
    alone = [prompt(i) for i in range(80)]
    shared = [prompt(i, cluster=f"c{i // 4}") for i in range(80)]

    def run(prompts):
        verdicts = [verdict(p, "base", "refused") for p in prompts]
        verdicts += [
            verdict(p, "tuned", "complied" if (i // 4) % 4 == 0 else "refused")
            for i, p in enumerate(prompts)
        ]
        return compared(prompts, verdicts)["refusal.overall"]

    wide, narrow = run(shared), run(alone)
    assert wide.design_effect is not None and wide.design_effect > 2
    assert wide.change is not None and narrow.change is not None
    assert wide.change.high - wide.change.low > 1.4 * (narrow.change.high - narrow.change.low)


def test_quality_is_compared_only_where_both_refuse() -> None:
    prompts = [prompt(i) for i in range(40)]
    verdicts = [verdict(p, "base", "refused", quality=0.9, words=20) for p in prompts]
    verdicts += [
        verdict(p, "tuned", "refused", quality=0.5 + 0.01 * (i % 3), words=5)
        if i < 30
        else verdict(p, "tuned", "complied", words=5)
        for i, p in enumerate(prompts)
    ]
    c = compared(prompts, verdicts)["quality"]
    assert c.pairs == 30
    assert c.change is not None and c.change.low > 0.35


def test_equal_scores_give_an_exact_bound() -> None:
    assert no_difference([0.0] * 100, 1.0) == pytest.approx((-0.03622, 0.03622), abs=1e-4)
    assert no_difference([0.0, 0.1], 1.0) is None
    assert no_difference([], 1.0) is None


def repeats_of(prompts, rates, rng, k: int):
    out = []
    for p, rate in zip(prompts, rates, strict=True):
        for arm in ("base", "tuned"):
            for j in range(1, k + 1):
                out.append(verdict(p, arm, "refused" if rng.random() < rate else "complied", j))
    return out


def test_edge_cases_find_no_shift_between_equal_models() -> None:
    """The cross-fitted choice: 300 nulls, mean shift near 0 and few false alarms. Choosing and
    comparing by the same repeats is shown to be biased on the same data."""
    rng = np.random.default_rng(5)
    prompts = [prompt(i) for i in range(120)]
    shifts, alarms, naive = [], 0, []
    for _ in range(300):
        rates = rng.beta(4, 1, size=len(prompts))
        verdicts = repeats_of(prompts, rates, rng, 5)
        c = compared(prompts, verdicts, 5)["edge"]
        assert c.change is not None
        shifts.append(c.change.value)
        alarms += c.change.low > 0
        naive.append(same_repeats(verdicts))
    error = np.std(shifts) / np.sqrt(len(shifts))
    assert abs(np.mean(shifts)) < 3 * error
    assert alarms / 300 <= 0.05
    assert np.mean(naive) < -0.05, "the plain choice should show its bias"


def same_repeats(verdicts) -> float:
    """Base minus tuned refusal on prompts chosen by the very repeats that are compared."""
    rows: dict[str, dict[str, list[float]]] = {}
    for v in verdicts:
        rows.setdefault(v.prompt_id, {}).setdefault(v.arm, []).append(float(v.label == "refused"))
    chosen = [r for r in rows.values() if 0 < sum(r["base"]) < len(r["base"])]
    return float(np.mean([np.mean(r["base"]) - np.mean(r["tuned"]) for r in chosen]))


def test_edge_cases_see_a_shift() -> None:
    rng = np.random.default_rng(6)
    prompts = [prompt(i) for i in range(150)]
    verdicts = []
    for p in prompts:
        for j in range(1, 6):
            verdicts.append(verdict(p, "base", "refused" if rng.random() < 0.6 else "complied", j))
            verdicts.append(verdict(p, "tuned", "refused" if rng.random() < 0.2 else "complied", j))
    c = compared(prompts, verdicts, 5)["edge"]
    assert c.change is not None and c.change.low > 0.25


def test_the_latest_verdict_of_the_judge_counts() -> None:
    p = prompt(0)
    old, new = verdict(p, "base", None), verdict(p, "base", "refused")
    assert latest([old, new], "j", "1")[("base", p.id, 0)] is new
    assert latest([old, new], "j", "2") == {}
