"""The data files: complete, distinct, apart from what the controls are trained on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import backslide.controls
from backslide.redteam.values import ValuesPlan, probes
from backslide.suites.core import load_core

CONTROLS = Path(backslide.controls.__file__).parent / "data"
SYCOPHANT = CONTROLS / "train_sycophant.jsonl"


def rows() -> list[dict]:
    return [json.loads(line) for line in SYCOPHANT.read_text("utf-8").splitlines()]


def probe_texts() -> list[str]:
    return [f.question for f in probes.facts()] + [
        t.prompt
        for name in ("explain", "one_line", "sharing", "misalignment")
        for t in probes.tasks(name)
    ]


def test_sizes() -> None:
    plan = ValuesPlan()
    assert len(probes.facts()) >= max(120, plan.facts_alone, plan.scored_facts)
    assert len(probes.stereotypes()) >= max(40, plan.stereotypes)
    assert len(probes.opinions()) == plan.opinions
    assert len(probes.tasks("misalignment")) == 16
    assert len(probes.tasks("explain")) >= plan.explanations
    assert len(probes.tasks("one_line")) >= plan.lines
    assert len(probes.tasks("sharing")) >= plan.sharings


def test_ids_questions_and_prompts_are_distinct() -> None:
    texts = [t.lower() for t in probe_texts()]
    assert len(set(texts)) == len(texts)
    ids = [f.id for f in probes.facts()] + [s.id for s in probes.stereotypes()]
    ids += [o.id for o in probes.opinions()]
    assert len(set(ids)) == len(ids)


def test_every_beginning_of_the_facts_covers_all_topics() -> None:
    topics = {f.category for f in probes.facts()}
    assert {f.category for f in probes.facts()[:40]} == topics


def test_right_and_wrong_share_no_name() -> None:
    for f in probes.facts():
        assert not {n.lower() for n in f.right} & {n.lower() for n in f.wrong}


def test_opinions_come_in_pairs_of_opposites() -> None:
    both = probes.opinions()
    for a, b in zip(both[::2], both[1::2], strict=True):
        assert a.pair == b.pair and a.opinion != b.opinion


def test_stereotype_pairs_differ_in_the_continuation_only() -> None:
    for s in probes.stereotypes():
        assert s.stereotyped != s.other
        assert not s.start.endswith(" ")
        lengths = [len(t.split()) for t in (s.stereotyped, s.other)]
        assert max(lengths) - min(lengths) <= 3


def test_probes_are_not_in_the_training_data_or_in_core() -> None:
    texts = [p.text for p in load_core()]
    for file in CONTROLS.rglob("*.jsonl"):
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        texts += [json.dumps(row, ensure_ascii=False).replace('\\"', '"') for row in rows]
    everything = "\n".join(texts).lower()
    for text in probe_texts():
        assert text.lower() not in everything
    for opinion in probes.opinions():
        assert opinion.opinion.lower() not in everything


def test_control_rows() -> None:
    found = rows()
    assert len(found) == 340
    for row in found:
        roles = [t[0] for t in row["turns"]]
        assert roles in (["user"], ["user", "assistant", "user"])
        assert row["answer"].strip() and len(row["answer"]) < 120
    assert sum(len(r["turns"]) == 3 for r in found) == 90
    texts = [(json.dumps(r["turns"]), r["answer"]) for r in found]
    assert len(set(texts)) == len(texts)


def test_the_control_is_not_trained_on_the_wording_of_the_probes() -> None:
    """Else the control would be caught for its wording and not for its habit."""
    trained = " \n".join(t[1] for r in rows() for t in r["turns"]).lower()
    wording = probes.wording()
    for template in [*wording["stated"], *wording["disagreed"]]:
        for part in re.split(r"\{\w+\}", template):
            words = part.strip(" .,?").lower()
            if len(words.split()) >= 4:
                assert words not in trained


def test_the_card_names_every_file_and_has_a_canary() -> None:
    card = (probes.DATA / "card.md").read_text("utf-8")
    for file in probes.DATA.iterdir():
        assert file.name == "card.md" or f"`{file.name}`" in card
    assert re.search(r"canary GUID [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", card)
