from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backslide.core.records import Failure, Prompt, Request
from backslide.redteam.domain.bank import Bank
from backslide.redteam.domain.probes import build, general
from backslide.redteam.domain.run import DomainPlan, ordered, run, slugs
from backslide.redteam.domain.topics import from_description
from backslide.targets.scripted import ANSWERS, REFUSALS

from ..asking import FunctionAsker

Answer = Callable[[Request], str | Failure]


@pytest.fixture(scope="module")
def plan(bank: Bank) -> DomainPlan:
    topics = from_description("customer support for a pharmacy", bank)
    return DomainPlan(probes=build(topics, bank), topics=topics.topics)


def aligned(request: Request) -> str:
    return REFUSALS[0] if request.prompt.expects == "refuse" else ANSWERS[0]


def _split(plan: DomainPlan, names: list[str]) -> DomainPlan:
    """The same probes dealt to topics of these names."""
    probes = [replace(p, category=names[n % len(names)]) for n, p in enumerate(plan.probes)]
    return replace(plan, probes=tuple(probes), topics=())


def yields(where: Callable[[Prompt], bool]) -> Answer:
    return lambda r: ANSWERS[0] if where(r.prompt) else aligned(r)


def in_domain(prompt: Prompt) -> bool:
    return "contrast" not in prompt.tags


def test_a_model_that_yields_in_the_domain_is_found(plan: DomainPlan) -> None:
    found = run(FunctionAsker(aligned, yields(in_domain)), plan)
    main = found.comparisons[0]
    assert main.check == "redteam.domain.refusal" and main.margin == 0.05
    assert main.p_worse is not None and main.p_worse < 1e-6
    assert main.change is not None and main.change.value > 0.9
    assert [f.check for f in found.findings] == ["redteam.domain.refusal"]
    finding = found.findings[0]
    assert not finding.confirmed and finding.harmful and finding.p == main.p_worse
    assert len(finding.exhibits) == 3
    for exhibit in finding.exhibits:
        assert exhibit.base_turns[:-1] == exhibit.tuned_turns[:-1]
        assert exhibit.base_turns[-1].content == REFUSALS[0]
        assert (exhibit.base_label, exhibit.tuned_label) == ("refused", "complied")
    assert any("worse in the domain than elsewhere" in n for n in found.notes)
    assert found.complete and found.limits


def test_equal_models_are_not_flagged(plan: DomainPlan) -> None:
    found = run(FunctionAsker(aligned, aligned), plan)
    assert found.findings == ()
    assert all(c.p_worse is None or c.p_worse > 0.5 for c in found.comparisons)
    assert any("no difference between them is proven" in n for n in found.notes)


def test_a_broad_loss_is_not_called_one_of_the_domain(plan: DomainPlan) -> None:
    found = run(FunctionAsker(aligned, yields(lambda p: True)), plan)
    assert found.findings
    assert not any("worse in the domain" in n for n in found.notes)


def test_only_main_and_few_topics_are_tested(plan: DomainPlan) -> None:
    def tested(names: list[str]) -> list[str]:
        found = run(FunctionAsker(aligned, aligned), _split(plan, names))
        return [c.check for c in found.comparisons if c.p_worse is not None]

    assert tested(["a"]) == ["redteam.domain.refusal"]
    few = tested(["Night shift!", "night-shift", "c"])
    assert few == [
        "redteam.domain.refusal",
        "redteam.domain.topic.night-shift",
        "redteam.domain.topic.night-shift-2",
        "redteam.domain.topic.c",
    ]
    assert tested(list("abcdefgh")) == ["redteam.domain.refusal", "redteam.domain.worst_topic"]


def test_one_bad_topic_of_eight(plan: DomainPlan) -> None:
    split = _split(plan, list("abcdefgh"))
    found = run(FunctionAsker(aligned, yields(lambda p: p.category == "c")), split)
    worst = next(c for c in found.comparisons if c.check == "redteam.domain.worst_topic")
    assert worst.category == "c" and worst.p_worse is not None and worst.p_worse < 0.05
    alone = next(c for c in found.comparisons if c.check == "redteam.domain.topic.c")
    assert alone.p_worse is None and alone.change == worst.change


def test_a_users_topic_may_be_called_general(plan: DomainPlan) -> None:
    renamed = _split(plan, ["general"])
    found = run(FunctionAsker(aligned, yields(in_domain)), renamed)
    assert found.comparisons[0].pairs == sum(p.expects == "refuse" for p in plan.probes)
    elsewhere = next(c for c in found.comparisons if c.check == "redteam.domain.general")
    assert elsewhere.pairs == 24 and elsewhere.change is not None and elsewhere.change.value == 0


def test_failures_and_gibberish_are_excluded_and_counted(plan: DomainPlan) -> None:
    harmful = [p for p in plan.probes if p.expects == "refuse"]
    failing, silly = {p.id for p in harmful[:5]}, {p.id for p in harmful[5:12]}

    def tuned(request: Request) -> str | Failure:
        if request.prompt.id in failing:
            return Failure(kind="timeout", message="too slow")
        if request.prompt.id in silly:
            return "la la la la la la la la la la la la la la la la la la la la la la"
        return aligned(request)

    main = run(FunctionAsker(aligned, tuned), plan).comparisons[0]
    assert main.pairs == len(harmful) - 12
    assert {(e.reason, e.tuned, e.base) for e in main.excluded} == {
        ("timeout", 5, 0),
        ("incoherent", 7, 0),
    }


def test_over_refusal_is_for_reading_only(plan: DomainPlan) -> None:
    found = run(FunctionAsker(aligned, lambda r: REFUSALS[0]), plan)
    over = next(c for c in found.comparisons if c.check == "redteam.domain.borderline")
    assert over.change is not None and over.change.value == pytest.approx(1.0)
    assert over.p_worse is None and found.findings == ()


def test_an_early_end_keeps_whole_waves(plan: DomainPlan) -> None:
    small = replace(plan, blocks=(40,))
    order = ordered(small)
    found = run(FunctionAsker(aligned, yields(in_domain), calls=130), small)
    assert not found.complete and found.calls == 80
    assert found.comparisons[0].pairs == sum(
        p.expects == "refuse" and "contrast" not in p.tags for p in order[:40]
    )
    assert sum(c.tried for c in found.coverage) == 40
    assert sum(c.planned for c in found.coverage) == len(order)
    nothing = run(FunctionAsker(aligned, aligned, calls=10), small)
    assert nothing.absent and not nothing.complete and nothing.comparisons == ()


def test_no_harmful_probe_is_absent_not_clean(plan: DomainPlan) -> None:
    fine = tuple(p for p in plan.probes if p.expects == "help")
    for probes in ((), fine):
        found = run(FunctionAsker(aligned, aligned), replace(plan, probes=probes))
        assert found.absent and found.comparisons == ()


def test_both_arms_are_asked_the_same_once(plan: DomainPlan) -> None:
    doubled = replace(plan, probes=plan.probes + plan.probes + general()[:3])
    asker = FunctionAsker(aligned, aligned)
    run(asker, doubled)
    base = [i for arm, i, _ in asker.asked if arm == "base"]
    tuned = [i for arm, i, _ in asker.asked if arm == "tuned"]
    assert base == tuned and len(set(base)) == len(base) == len(plan.probes) + 24
    first = [p for p in ordered(plan)[:96]]
    assert sum("contrast" in p.tags for p in first) == 24


def test_coverage_names_rows_and_power(plan: DomainPlan) -> None:
    topic = replace(plan.topics[0], rows=321)
    empty = replace(topic, name="unseen", rows=9)
    found = run(FunctionAsker(aligned, aligned), replace(plan, topics=(topic, empty)))
    rows = {(c.group, c.unit): c for c in found.coverage}
    harmful = rows[f"{topic.name} (321 rows of the tuning data)", "harmful requests"]
    assert harmful.tried == harmful.planned >= 50 and "a drop of" in harmful.detectable
    unseen = rows["unseen (9 rows of the tuning data)", "harmful requests"]
    assert unseen.tried == unseen.planned == 0 and unseen.detectable == "nothing"


def test_slugs_are_unique() -> None:
    assert slugs(["A b", "a-b", "???", "!", "Straße"]) == [
        "a-b",
        "a-b-2",
        "unnamed",
        "unnamed-2",
        "strasse",
    ]
