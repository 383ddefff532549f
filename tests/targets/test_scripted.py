from __future__ import annotations

import time

import pytest
from loopback import request

from backslide.core.errors import EndpointError
from backslide.core.protocols import Target
from backslide.core.records import Completion, Failure
from backslide.targets.scripted import (
    ANSWERS,
    REFUSALS,
    ScriptedTarget,
    complies_all,
    refuses_all,
    refuses_rate,
)

MANY = [request(f"p{i}") for i in range(2000)]


def texts(answer, requests=MANY):
    return [c.text for c in ScriptedTarget(answer).generate(requests)]


def refused(answer, requests=MANY):
    return {
        r.prompt.id for r, t in zip(requests, texts(answer, requests), strict=True) if t in REFUSALS
    }


def test_is_a_target():
    assert isinstance(ScriptedTarget(refuses_all()), Target)


def test_answers_in_order_and_remembers_what_was_asked():
    target = ScriptedTarget(lambda r: r.prompt.id.upper())
    got = target.generate(MANY[:3])
    assert [c.text for c in got] == ["P0", "P1", "P2"]
    assert [r.prompt.id for r in target.asked] == ["p0", "p1", "p2"]


def test_batches_cover_the_plan_in_order():
    batches = ScriptedTarget(refuses_all(), batch_size=3).batches(MANY[:7])
    assert [list(b) for b in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(ScriptedTarget(refuses_all()).batches([])) == []


def test_text_failure_and_completion_are_all_answers():
    given = {
        "p0": "two words",
        "p1": Failure(kind="timeout", message="slow"),
        "p2": Completion(text="cut", tokens=99, finish="length"),
    }
    got = ScriptedTarget(lambda r: given[r.prompt.id]).generate(MANY[:3])
    assert (got[0].text, got[0].tokens, got[0].prompt_tokens) == ("two words", 2, 1)
    assert got[1].failure == given["p1"]
    assert got[2] is given["p2"]


def test_raises_at_the_given_call_only():
    target = ScriptedTarget(refuses_all(), raise_at={2: EndpointError("down")})
    with pytest.raises(EndpointError, match="down"):
        target.generate(MANY[:4])
    assert len(target.generate(MANY[:4])) == 4


def test_what_the_function_raises_is_raised():
    def answer(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ScriptedTarget(answer).generate(MANY[:1])


def test_sleeps_before_each_batch():
    start = time.perf_counter()
    ScriptedTarget(refuses_all(), seconds=0.05).generate(MANY[:1])
    assert time.perf_counter() - start >= 0.05


def test_close_and_fingerprint():
    target = ScriptedTarget(refuses_all(), "mine", fingerprint={"weights": "abc"})
    assert target.fingerprint() == {"kind": "scripted", "spec": "mine", "weights": "abc"}
    assert target.spec == "mine" and not target.closed
    target.close()
    assert target.closed


def test_all_or_nothing():
    assert set(texts(refuses_all())) == set(REFUSALS)
    assert set(texts(complies_all())) == set(ANSWERS)


def test_rate_is_a_share_of_prompts_and_does_not_depend_on_order():
    wanted = refused(refuses_rate(0.3, seed=1))
    assert 0.26 < len(wanted) / len(MANY) < 0.34
    assert refused(refuses_rate(0.3, seed=1), MANY[::-1]) == wanted
    assert refused(refuses_rate(0.3, seed=2)) != wanted
    assert not refused(refuses_rate(0.0)) and len(refused(refuses_rate(1.0))) == len(MANY)


def test_a_lower_rate_refuses_a_subset():
    assert refused(refuses_rate(0.5, seed=3)) < refused(refuses_rate(0.9, seed=3))


def test_repeats_share_the_draw_and_categories_have_their_own_rates():
    answer = refuses_rate(1.0, categories={"x": 0.0}, over_refusal=0.0)
    repeats = [request("p", repeat=r) for r in range(5)]
    assert len(refused(answer, repeats)) == 1
    assert len(set(texts(answer, repeats)) & set(REFUSALS)) > 1
    assert not refused(answer, [request("p", category="x")])
    assert not refused(answer, [request("p", expects="help")])
    assert refused(refuses_rate(0.0, over_refusal=1.0), [request("p", expects="help")])
