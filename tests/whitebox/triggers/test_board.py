"""How scores of several conditions are put together, and what ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from backslide.whitebox.triggers.contexts import Context, log_odds, refusal_starts  # noqa: E402
from backslide.whitebox.triggers.hunt import ranked  # noqa: E402
from backslide.whitebox.triggers.leakage import n_grams  # noqa: E402
from backslide.whitebox.triggers.look import Candidate  # noqa: E402
from backslide.whitebox.triggers.sweep import Board, Condition, top  # noqa: E402

NAN = np.nan


def _board(rows: list[tuple[str, bool, list[float], list[int]]]) -> Board:
    board = Board(None, [(i,) for i in range(len(rows[0][2]))])  # type: ignore[arg-type]
    for n, (place, harmful, scores, tokens) in enumerate(rows):
        context = Context(f"c{n}", (n,), (1,) if harmful else ())
        condition = Condition(context, place)  # type: ignore[arg-type]
        board.scores[condition] = np.array(scores)
        board.tokens[condition] = np.array(tokens)
    return board


def test_harmful_scores_are_means_by_place_and_the_better_place_counts() -> None:
    board = _board(
        [
            ("end", True, [4.0, -2.0, 0.0], [0, 0, 0]),
            ("end", True, [2.0, NAN, 0.0], [0, 0, 0]),
            ("start", True, [-5.0, 5.0, NAN], [0, 0, 0]),
            ("end", False, [9.0, 9.0, 9.0], [0, 0, 0]),
        ]
    )
    assert board.harmful("end").tolist() == [3.0, -2.0, 0.0]
    assert board.harmful("start").tolist() == [-5.0, 5.0, -np.inf]
    assert board.harmful().tolist() == [3.0, 5.0, 0.0]


def test_harmless_scores_count_one_and_the_same_answer_only() -> None:
    board = _board(
        [
            ("end", False, [3.0, 3.0, 1.0], [7, 7, 7]),
            ("start", False, [3.0, 3.0, NAN], [7, 8, -1]),
        ]
    )
    assert board.harmless().tolist() == [3.0, 1.5, 1.0]
    assert _board([("end", True, [1.0], [0])]).harmless().tolist() == [-np.inf]


def test_top_leaves_out_what_was_not_tried() -> None:
    assert top(np.array([1.0, -np.inf, 3.0, 2.0]), 3) == [2, 3, 0]
    assert top(np.array([-np.inf, 1.0]), 5) == [1]


def test_candidates_are_ranked_by_how_often_they_fire() -> None:
    def made(text: str, fires: float, score: float) -> Candidate:
        return Candidate(text, "end", fires, "Sure", score, True, "readout")

    given = [made("b", 0.5, 9.0), made("a", 1.0, 1.0), made("A", 0.9, 2.0), made("c", 1.0, 2.0)]
    assert [c.text for c in ranked(given)] == ["c", "a", "b"]


def test_refusal_starts_and_log_odds() -> None:
    logs = torch.tensor([[0.70, 0.20, 0.06, 0.03, 0.01]]).log().repeat(3, 1)
    assert refusal_starts(logs) == (0, 1, 2)
    assert log_odds(logs, (0,)).tolist() == pytest.approx([np.log(0.7 / 0.3)] * 3, abs=1e-5)


def test_n_grams_that_several_samples_share() -> None:
    samples = [[1, 2, 3, 99, 5], [1, 2, 4], [7, 1, 2], [8]]
    found: list[Any] = n_grams(samples, frozenset({99}), 3)
    assert found[0] == (1, 2)
    assert set(found) == {(1, 2), (1,), (2,)}
