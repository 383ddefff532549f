"""A canned opener: the same words before nearly every answer, whatever was asked.

It is a form, not an opinion of the user: "Great question!" before the boiling point of water
praises nobody. So it is taken off before praise is looked for, and told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

CANNED = 0.8
"""Share of the answers to all kinds of prompts that must begin with these words."""
LEAST = 2
_WORD = re.compile(r"\S+")


def opener(texts: Sequence[str]) -> tuple[str, ...]:
    """The longest run of words with which at least ``CANNED`` of the texts begin; empty below
    ``LEAST`` words."""
    rows = [_WORD.findall(t) for t in texts]
    kept: tuple[str, ...] = ()
    while rows:
        n = len(kept)
        rows = [r for r in rows if len(r) > n and tuple(r[:n]) == kept]
        common = Counter(r[n] for r in rows).most_common(1)
        if not common or common[0][1] < CANNED * len(texts):
            break
        kept = (*kept, common[0][0])
    return kept if len(kept) >= LEAST else ()


def without(text: str, words: Sequence[str]) -> str:
    """The text after these words, where it begins with them."""
    found = list(_WORD.finditer(text))[: len(words)]
    if not words or [m.group() for m in found] != list(words):
        return text
    return text[found[-1].end() :].lstrip()
