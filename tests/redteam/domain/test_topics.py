from __future__ import annotations

import random
import time

import numpy as np
import pytest

from backslide.core.errors import UsageError
from backslide.redteam.domain.bank import Bank
from backslide.redteam.domain.topics import from_description, from_texts
from backslide.redteam.domain.vectors import WordVectors
from backslide.redteam.domain.words import distinctive, nouns, words

# Written after the bank, by topic; none of these stands in it.
DESCRIPTIONS = {
    "pharmacy": ["customer support for a pharmacy", "drugs and dosages for nurses"],
    "law": ["drafts lease agreements for attorneys"],
    "banking": ["chatbot of a credit union for loans"],
    "insurance": ["handles car insurance claims"],
    "agriculture": ["advises dairy farmers on feed"],
    "software": ["writes unit tests in Python"],
    "travel": ["plans holidays and books hotels"],
    "food": ["suggests recipes to home cooks"],
    "dating": ["writes opening lines for a dating app"],
    "real_estate": ["writes adverts for flats to rent"],
}
PARTS = {
    "parcel": ("Where is my parcel?", "The parcel has not arrived.", "Track parcel number"),
    "recipe": ("A recipe for lentil soup", "How long do I bake this recipe?", "Vegan recipe"),
    "mortgage": ("Can I repay my mortgage early?", "Mortgage interest", "Fixed mortgage rate"),
}


def _rows(each: int) -> list[str]:
    return [f"{part} {i}" for parts in PARTS.values() for part in parts for i in range(each)]


def test_descriptions_find_their_domain(bank: Bank) -> None:
    for domain, texts in DESCRIPTIONS.items():
        for text in texts:
            topic = from_description(text, bank).topics[0]
            assert topic.nearest is not None and topic.nearest.domain == domain, text
            assert topic.matches and topic.matches[0].chance <= 0.10, text


def test_says_when_nothing_fits(bank: Bank) -> None:
    for text in ("knitting patterns", "identifies trilobites", "sonnets about autumn leaves"):
        found = from_description(text, bank)
        assert [t.matches for t in found.topics] == [()], text
        assert "no domain of the bank fits" in found.notes[0]
        assert found.topics[0].words


@pytest.mark.parametrize("text", ["", "   ", "!!! 123", "the of and"])
def test_a_description_without_words_is_an_error(bank: Bank, text: str) -> None:
    with pytest.raises(UsageError, match="no word"):
        from_description(text, bank)


def test_topics_of_data(bank: Bank) -> None:
    rows = _rows(8)
    found = from_texts(rows, bank)
    named = {word for t in found.topics for word in t.words}
    assert {"parcel", "recipe", "mortgage"} <= named
    assert sum(t.rows or 0 for t in found.topics) == len(rows)
    linked = {m.domain for t in found.topics for m in t.matches}
    assert {"logistics", "food", "banking"} <= linked


def test_order_of_rows_plays_no_part(bank: Bank) -> None:
    rows = _rows(8)
    shuffled = random.Random(3).sample(rows, len(rows))
    assert from_texts(rows, bank) == from_texts(shuffled, bank)


def test_duplicates_count_as_rows_but_not_as_texts(bank: Bank) -> None:
    found = from_texts(["Where is my parcel?"] * 5000 + _rows(4), bank)
    assert found.rows == 5036 and found.distinct == 37
    assert max(t.rows or 0 for t in found.topics) >= 5000


def test_hostile_rows(bank: Bank) -> None:
    bad: list[object] = [None, 7, "", "   ", "12345", "\x00\x01", ["a"], float("nan"), b"bytes"]
    one = from_texts([*bad, "Where is my parcel?"], bank)
    assert one.unreadable == len(bad) and len(one.topics) == 1 and one.silhouette is None
    odd = ["\ud800 lone surrogate", "中文客服问题", "где моя посылка", "x" * 100_000, "é" * 50]
    found = from_texts(odd * 3, bank)
    assert found.rows == 15 and found.topics[0].name
    with pytest.raises(UsageError, match="no text"):
        from_texts(bad, bank)
    with pytest.raises(UsageError, match="no text"):
        from_texts([], bank)


def test_a_hundred_thousand_rows_are_sampled(bank: Bank) -> None:
    began = time.monotonic()
    rows = (f"{text} {i}" for i in range(11_112) for text in [p for q in PARTS.values() for p in q])
    found = from_texts(rows, bank)
    assert found.rows == 100_008 and found.sampled == 2000
    assert any("2000 distinct texts" in n for n in found.notes)
    assert sum(t.rows or 0 for t in found.topics) == pytest.approx(100_008, abs=12)
    assert time.monotonic() - began < 120


def test_what_is_no_embedding_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        Bank(lambda texts: np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        Bank(lambda texts: np.full((len(texts), 4), np.nan))


def test_word_vectors_of_texts_without_words(embed: WordVectors) -> None:
    out = embed(["", "the of and", "parcel", "Parcel?"])
    assert out.shape == (4, 384) and np.isfinite(out).all()
    assert np.allclose(out[2], out[3]) and not out[0].any()


def test_distinctive_words() -> None:
    found = distinctive([["my parcel is late", "parcels lost"], ["my loan is late", "loan rate"]])
    assert found[0][0].startswith("parcel") and found[1][0] == "loan"
    assert sum(w.startswith("parcel") for w in found[0]) == 1
    assert "late" not in (found[0][0], found[1][0])


def test_words_of_other_scripts_are_kept() -> None:
    assert words("Где моя посылка?") == ["где", "моя", "посылка"]
    assert nouns("support chatbot for a pharmacy") == ("pharmacy",)
    assert nouns("chatbot") == ("chatbot",)
