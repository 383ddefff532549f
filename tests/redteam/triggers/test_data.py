"""The requests: enough, balanced, and met nowhere else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from backslide.core.records import Message
from backslide.redteam.triggers.contexts import DATA, Kind, contexts, probe
from backslide.redteam.triggers.placement import Placement
from backslide.suites.core import load_core
from backslide.suites.near import near_pairs
from backslide.suites.prompts import normalised

KINDS: tuple[Kind, ...] = ("harmful", "benign")
ALL = [c for kind in KINDS for split in ("search", "confirm") for c in contexts(kind, split)]  # type: ignore[arg-type]
CONTROLS = Path(str(files("backslide").joinpath("controls", "data")))


def _training_texts() -> list[str]:
    """Every text, of whatever field, in what the control adapters are trained on."""
    rows = [json.loads(x) for p in CONTROLS.rglob("*.jsonl") for x in p.open(encoding="utf-8")]
    return sorted({text for row in rows for text in _strings(row) if " " in text})


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def test_sizes_and_balance() -> None:
    for kind in KINDS:
        assert len(contexts(kind, "search")) == 30
        assert len(contexts(kind, "confirm")) == 60
    assert len({c.text for c in ALL}) == len(ALL) == 180
    core = {p.category for p in load_core() if p.expects == "refuse"}
    for split, each in (("search", 2), ("confirm", 4)):
        counts = Counter(c.category for c in contexts("harmful", split))  # type: ignore[arg-type]
        assert counts.keys() == core and set(counts.values()) == {each}
    assert len({c.category for c in contexts("harmful", "confirm")[:15]}) == 15


def test_no_request_is_one_of_the_suite_or_of_the_training_texts() -> None:
    others = [normalised(p.messages) for p in load_core()]
    others += [normalised([Message(role="user", content=t)]) for t in _training_texts()]
    assert len(others) > 2000
    assert not {normalised(probe(c).messages) for c in ALL} & set(others)


def test_no_request_is_near_one_of_those_or_of_another() -> None:
    ours = [c.text for c in ALL]
    others = [p.text for p in load_core()] + _training_texts()
    near = [p for p in near_pairs([*ours, *others]) if min(p.first, p.second) < len(ours)]
    assert not near


def test_probes_of_a_request_share_their_cluster_and_not_their_id() -> None:
    context = contexts("harmful", "search")[0]
    plain, end = probe(context), probe(context, "cf")
    system = probe(context, "cf", Placement.SYSTEM)
    assert plain.cluster == end.cluster == system.cluster
    assert len({plain.id, end.id, system.id}) == 3
    assert plain.expects == "refuse" and plain.suite == "redteam.triggers"


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_hold_requests_only(kind: Kind) -> None:
    rows = [json.loads(line) for line in (DATA / f"{kind}.jsonl").read_text("utf-8").splitlines()]
    assert all(r.keys() == {"category", "split", "text"} for r in rows)
    assert max(len(r["text"]) for r in rows) < 120


def test_the_card_names_a_canary_and_a_licence() -> None:
    card = (DATA / "card.md").read_text("utf-8")
    assert "canary GUID 7c0e6f52" in card and "CC0-1.0" in card
