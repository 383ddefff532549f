"""Batches under a short budget are cut; a run ends when its time does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.pace import FIRST, Pace, alike, size_of
from backslide.core.errors import OutOfTime
from backslide.targets.scripted import ScriptedTarget
from tests.audit.test_redteam_asker import NO, S, asker, prompts

PER_ROW = 0.01


class Working(ScriptedTarget):
    """Takes time for each request, as a local model does."""

    def generate(self, batch):
        time.sleep(PER_ROW * len(batch))
        return super().generate(batch)


def sizes(target: Working, tmp_path: Path) -> list[int]:
    lines = (tmp_path / "redteam" / "responses.jsonl").read_text().splitlines()
    return [int(x.split('"size":')[1].split("}")[0]) for x in lines]


def test_without_a_budget_nothing_is_cut() -> None:
    assert Pace().fitting("responses", [9.0] * 96, Clock("turns", None)) == 96


def test_the_first_part_is_small_and_the_next_fits_the_time_left() -> None:
    pace, clock = Pace(), Clock("turns", 100.0)
    assert pace.fitting("responses", [5.0] * 96, clock) == FIRST
    pace.learn("responses", ("responses", 0), FIRST * 5.0, 8.0)  # a second each
    pace.learn("responses", ("responses", 0), FIRST * 5.0, 8.0)  # the same batch counts once
    clock.charge(50.0)
    assert pace.fitting("responses", [5.0] * 96, clock) == 40  # four fifths of 50 s
    assert pace.fitting("responses", [5.0] * 30, clock) == 30
    clock.charge(49.0)
    assert pace.fitting("responses", [5.0] * 96, clock) == 5  # a twentieth of the budget
    assert pace.fitting("responses", [5000.0] * 3, clock) == 1
    assert pace.fitting("likelihoods", [5.0] * 96, clock) == FIRST


@pytest.mark.parametrize(
    ("sizes", "lengths"),
    [
        ([], []),
        ([90.0, 40.0, 9.0], [3]),  # nothing long, nothing cut
        ([1000.0, 990.0, 400.0, 300.0, 190.0, 80.0], [2, 2, 2]),
        ([300.0, 151.0, 150.0, 149.0], [3, 1]),
        ([90.0, 1000.0, 80.0, 900.0], [4]),  # in no order: as it came
        ([1000.0, 90.0, 800.0, 80.0, 70.0], [3, 2]),
    ],
)
def test_short_requests_are_not_filled_up_to_long_ones(sizes, lengths) -> None:
    parts = alike(sizes)
    assert [len(p) for p in parts] == lengths
    assert [i for p in parts for i in p] == list(range(len(sizes)))


def test_long_conversations_and_long_answers_cost_more() -> None:
    prompt = prompts(1)[0]
    assert size_of(prompt, 48) - size_of(prompt, 8) == 40
    assert size_of(prompt, 8) > 8


def test_a_batch_longer_than_the_budget_does_not_outlast_it(tmp_path: Path) -> None:
    target = Working(lambda r: NO, batch_size=200)
    a, _ = asker(tmp_path, budget=0.5, target=target)
    started = time.monotonic()
    with pytest.raises(OutOfTime):
        a.ask("base", prompts(200), S)
    assert time.monotonic() - started < 1.0  # the batch alone would take 2 s
    assert 20 <= len(target.asked) <= 80
    assert sizes(target, tmp_path)[0] == FIRST


def test_a_longer_budget_asks_only_what_is_missing(tmp_path: Path) -> None:
    a, first = asker(tmp_path, budget=0.3, target=Working(lambda r: NO, batch_size=60))
    with pytest.raises(OutOfTime):
        a.ask("base", prompts(60), S)
    b, second = asker(tmp_path, budget=60, target=Working(lambda r: NO, batch_size=60))
    assert len(b.ask("base", prompts(60), S)) == 60
    ids = [r.prompt.id for t in (first, second) for r in t.asked]
    assert len(ids) == len(set(ids)) == 60


def test_a_run_that_goes_on_cuts_where_it_would_have(tmp_path: Path) -> None:
    a, _ = asker(tmp_path, budget=0.5, target=Working(lambda r: NO, batch_size=200))
    with pytest.raises(OutOfTime):
        a.ask("base", prompts(200), S)
    before = sizes(a.arms.get("base"), tmp_path)
    b, again = asker(tmp_path, budget=0.5, target=Working(lambda r: NO, batch_size=200))
    with pytest.raises(OutOfTime):
        b.ask("base", prompts(200), S)
    assert again.asked == []
    assert sizes(again, tmp_path) == before
