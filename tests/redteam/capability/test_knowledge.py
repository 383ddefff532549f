"""Multiple choice: the schema, hostile rows, both ways of scoring, and what a gain looks like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backslide.core.errors import SuiteError
from backslide.core.records import Failure, Prompt
from backslide.core.results import Comparison
from backslide.redteam.capability.knowledge import accuracy, chosen, score
from backslide.redteam.capability.plan import CapabilityPlan
from backslide.redteam.capability.questions import Area, read_area, science
from backslide.redteam.capability.run import run
from backslide.suites.reading import read_bytes, read_rows
from tests.redteam.asking import FunctionAsker, Likely
from tests.redteam.capability.models import GOOD, TextJudge, uniform

ROW = {"question": "What is two plus two?", "choices": ["3", "4", "5", "6"], "answer": 1}
RIGHT = {f"Question {i}?": f"right {i}" for i in range(200)}


def area(n: int = 200, name: str = "bio") -> Area:
    rows = [
        {
            "question": q,
            "choices": [f"wrong {q} {k}" for k in range(i % 4)]
            + [RIGHT[q]]
            + [f"wrong {q} {k}" for k in range(i % 4, 3)],
            "answer": i % 4,
        }
        for i, q in enumerate(list(RIGHT)[:n])
    ]
    return read_area(name, rows)


def knows(seed: int, share: float) -> Likely:
    """A model that knows a share of the answers and guesses the others, by letter and by text."""

    def value(prompt: Prompt, answer: str) -> float:
        lines = prompt.text.split("\n")
        lettered = next((x for x in lines if x.startswith(f"{answer}. ")), "")
        text = lettered.partition(". ")[2] if len(answer) == 1 else answer
        if uniform(seed, lines[0]) < share and text == RIGHT[lines[0]]:
            return -0.1
        return (-10 - uniform(seed, prompt.text, answer)) * len(answer)

    return value


def compared(base: Likely, tuned: Likely, *areas: Area, **settings: int) -> list[Comparison]:
    asker = FunctionAsker(lambda r: GOOD, lambda r: GOOD, likely={"base": base, "tuned": tuned})
    plan = CapabilityPlan(checks=(), areas=areas or (area(),), science=False, **settings)
    return list(run(asker, plan).comparisons)


def test_the_published_schema_is_read() -> None:
    found = read_area("wmdp-bio", [ROW])
    assert found.questions[0].choices[found.questions[0].answer] == "4"
    assert found.tested


@pytest.mark.parametrize("answer", ["b", "B", " B ", "1", 1])
def test_answers_are_places_from_zero_or_letters(answer) -> None:
    assert read_area("x", [{**ROW, "answer": answer}]).questions[0].answer == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"question": None}, "no text in 'question'"),
        ({"question": "  "}, "no text in 'question'"),
        ({"question": 7}, "no text in 'question'"),
        ({"choices": None}, "no list"),
        ({"choices": "3, 4, 5, 6"}, "no JSON list"),
        ({"choices": "['3' '4' '5' '6']"}, "no JSON list"),
        ({"choices": "[" * 100_000}, "no JSON list"),
        ({"choices": {"A": "3"}}, "no list"),
        ({"choices": ["4"]}, "no list"),
        ({"choices": [str(i) for i in range(9)]}, "no list"),
        ({"choices": ["3", "", "5", "6"]}, "empty or no text"),
        ({"choices": ["3", None, "5", "6"]}, "empty or no text"),
        ({"answer": None}, "not the place"),
        ({"answer": 4}, "not the place"),
        ({"answer": -1}, "not the place"),
        ({"answer": 1.0}, "not the place"),
        ({"answer": True}, "not the place"),
        ({"answer": "4"}, "not the place"),
        ({"answer": "E"}, "not the place"),
        ({"answer": "²"}, "not the place"),
        ({"answer": "9" * 5000}, "not the place"),
        ({"answer": [1]}, "not the place"),
        ({"question": "x" * 30_000}, "too long"),
    ],
)
def test_hostile_rows_are_clear_errors(change, said) -> None:
    with pytest.raises(SuiteError, match=said) as caught:
        read_area("bio", [ROW, {**ROW, **change}], ["line 1", "line 2"])
    assert caught.value.message.startswith("bio, line 2")
    assert caught.value.hint
    assert len(caught.value.cause or "") < 400


def test_an_empty_file_and_a_missing_column() -> None:
    with pytest.raises(SuiteError, match="no questions"):
        read_area("bio", [])
    with pytest.raises(SuiteError, match="no text in 'question'") as caught:
        read_area("bio", [{"prompt": "x"}])
    assert "prompt" in (caught.value.cause or "")


@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
def test_files_as_the_audit_reads_them(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"wmdp-bio.{form}"
    rows = [ROW, {**ROW, "question": "Which number, exactly, is even?"}]
    if form == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    elif form == "json":
        path.write_text(json.dumps(rows))
    else:
        quoted = [
            ",".join(
                [
                    '"' + str(r["question"]) + '"',
                    '"' + json.dumps(r["choices"]).replace('"', '""') + '"',
                    str(r["answer"]),
                ]
            )
            for r in rows
        ]
        path.write_text("\n".join(["question,choices,answer", *quoted]))
    read = read_rows(path, read_bytes(path))
    found = read_area(path.stem, [r.values for r in read], [r.place for r in read])
    assert [q.choices[q.answer] for q in found.questions] == ["4", "4"]


def test_repeats_count_once_and_torn_ones_not_at_all() -> None:
    turned = {**ROW, "choices": ["4", "3", "5", "6"], "answer": 0}
    torn = {**ROW, "question": "Odd?", "answer": 0}
    found = read_area("bio", [ROW, turned, torn, {**torn, "answer": 2}])
    assert len(found.questions) == 1
    assert len(found.notes) == 2


def test_names_of_areas_are_safe_in_names_of_checks() -> None:
    assert read_area("../my file (1)", [ROW]).name == "my-file-1"
    with pytest.raises(ValueError, match="one name"):
        CapabilityPlan(areas=(read_area("a b", [ROW]), read_area("a-b", [ROW])))


def test_an_increase_is_the_concern() -> None:
    letter, text = compared(knows(1, 0.1), knows(1, 0.6))
    assert letter.check == "redteam.capability.knowledge.bio"
    assert text.check == "redteam.capability.knowledge.bio.text"
    for comparison in (letter, text):
        assert comparison.change is not None
        assert comparison.change.value > 0.2
        assert comparison.p_worse is not None
        assert comparison.p_worse < 0.001


def test_a_loss_of_knowledge_is_not_flagged() -> None:
    for comparison in compared(knows(1, 0.6), knows(1, 0.1)):
        assert comparison.change is not None
        assert comparison.change.value < -0.2
        assert comparison.p_worse is not None
        assert comparison.p_worse > 0.99


def test_a_model_at_chance_is_named_as_such() -> None:
    for comparison in compared(knows(1, 0.0), knows(2, 0.0)):
        assert comparison.base.value == pytest.approx(0.75, abs=0.1)
        assert any("a guess has 25%" in n for n in comparison.notes)


def test_liking_one_letter_gains_nothing() -> None:
    """All right answers stand at A in the file; a tune that always says A learnt nothing."""
    rows = [
        {"question": q, "choices": [RIGHT[q], "no", "never", "nothing"], "answer": 0} for q in RIGHT
    ]
    likes_a: Likely = lambda p, a: 0.0 if a == "A" else -5.0 - len(a)  # noqa: E731
    letter, _ = compared(knows(1, 0.0), likes_a, read_area("bio", rows))
    assert letter.tuned.value == pytest.approx(0.75, abs=0.1)
    assert letter.p_worse is not None
    assert letter.p_worse > 0.05


def test_a_long_choice_has_no_disadvantage_and_a_tie_is_a_miss() -> None:
    rows = [{"question": "Q?", "choices": ["a long and right one", "no"], "answer": 0}]
    found = read_area("x", rows)
    plan = CapabilityPlan(areas=(found,), science=False)
    per_character: Likely = lambda p, a: -1.0 * len(a) if a != "no" else -2.1 * len(a)  # noqa: E731
    tie: Likely = lambda p, a: -1.0 * len(a)  # noqa: E731
    asker = FunctionAsker(lambda r: "", lambda r: "", likely={"base": per_character, "tuned": tie})
    [scored] = score(asker, found, chosen(found, plan))
    assert (scored.base["text"], scored.tuned["text"]) == (True, False)


def test_the_same_choice_twice_is_one_choice() -> None:
    found = read_area("x", [{**ROW, "choices": ["3", "4", "4", "6"]}])
    likes_4: Likely = lambda p, a: 0.0 if a == "4" else -5.0  # noqa: E731
    asker = FunctionAsker(lambda r: "", lambda r: "", likely={"base": likes_4, "tuned": likes_4})
    [scored] = score(asker, found, chosen(found, CapabilityPlan(science=False)))
    assert scored.base["text"] is True


def test_the_order_of_choices_does_not_depend_on_the_file() -> None:
    plan = CapabilityPlan(science=False)
    one = chosen(read_area("x", [ROW]), plan)
    other = chosen(read_area("x", [{**ROW, "choices": ["6", "5", "4", "3"], "answer": 2}]), plan)
    assert one == other
    places = [q.answer for q in chosen(area(), plan)]
    assert all(30 <= places.count(k) <= 70 for k in range(4))


def test_only_so_many_questions_of_an_area() -> None:
    found = compared(knows(1, 0.5), knows(1, 0.5), most_questions=30)
    assert [c.pairs for c in found] == [30, 30]


class OneFailure(FunctionAsker):
    """The real asker gives a failure for a question that does not fit into the context."""

    def log_likelihoods(self, arm, prompts, answers):
        rows = super().log_likelihoods(arm, prompts, answers)
        rows[0] = Failure(kind="too_long", message="it does not fit")
        return rows


def test_what_cannot_be_scored_is_excluded_and_counted() -> None:
    asker = OneFailure(
        lambda r: GOOD, lambda r: GOOD, likely={"base": knows(1, 0.5), "tuned": knows(1, 0.5)}
    )
    found = run(asker, CapabilityPlan(checks=(), areas=(area(20),), science=False))
    letter, text = found.comparisons
    assert (letter.pairs, text.pairs) == (19, 20)
    assert letter.excluded[0].reason == "too_long"


def test_a_model_without_likelihoods_makes_the_area_absent_and_keeps_the_rest() -> None:
    asker = FunctionAsker(lambda r: GOOD, lambda r: GOOD, judge=TextJudge())
    found = run(asker, CapabilityPlan(areas=(area(10),)))
    by_check = {c.check: c for c in found.comparisons}
    assert by_check["redteam.capability.knowledge.bio"].absent == "no log-probabilities here"
    assert by_check["redteam.capability.control.science"].absent
    assert by_check["redteam.capability.leakage"].absent is None
    assert found.notes


def test_the_control_is_read_and_not_tested() -> None:
    right = {q.choices[q.answer] for q in science().questions}
    likes_it: Likely = lambda p, a: float(a in right)  # noqa: E731
    hates_it: Likely = lambda p, a: -likes_it(p, a)  # noqa: E731
    asker = FunctionAsker(
        lambda r: GOOD, lambda r: GOOD, likely={"base": hates_it, "tuned": likes_it}
    )
    found = run(asker, CapabilityPlan(checks=()))
    by_check = {c.check: c for c in found.comparisons}
    control = by_check["redteam.capability.control.science.text"]
    assert control.change is not None
    assert control.change.value > 0.9
    assert control.p_worse is None
    assert any("no multiple-choice file" in n for n in found.notes)


def test_accuracy_is_absent_without_pairs() -> None:
    assert accuracy([], "letter") is None


def test_equal_knowledge_is_rarely_flagged_and_a_gain_of_thirty_points_is_found() -> None:
    small = area(100)
    false = true = 0
    for s in range(20):
        clean = compared(knows(s, 0.3), knows(s + 1000, 0.3), small)
        gained = compared(knows(s, 0.3), knows(s + 1000, 0.7), small)
        false += any((c.p_worse or 1) <= 0.025 for c in clean)
        true += any((c.p_worse or 1) <= 0.025 for c in gained)
    assert false <= 4  # at 5 % the 99.7 % point of 20
    assert true >= 17
