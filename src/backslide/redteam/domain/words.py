"""Words that tell one group of texts from the others."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

GRAMMAR = frozenset(
    "a an the to of and or in on for with my me i is are am do does did how can what which that "
    "this these those it its be been by at from as so you your yours into who whom will would "
    "could should may might must without not no if when they them their we our us any some was "
    "were has have had he she his her him there here then than but about after before because "
    "while where why out up down over under again also just very more most much many one all each "
    "other such only own same too now get got make made give tell say said see use used suggest "
    "describe list name names named difference different between mean means calculate compare "
    "summarize summarise translate best good better way ways work works working never always even "
    "still new first two three part time times day please thank thanks yes hello hi dear sure let "
    "need want like know think".split()
)
"""English words that stand in texts on any topic, orders to an assistant among them. Other
languages keep all their words."""
MARKERS = frozenset(
    "assistant assistants chatbot bot ai model helper help helps helping question questions answer "
    "answers answering support customer customers service services advice agent virtual tool app "
    "user users write writes writing explain explains create creates company identifies suggests "
    "plans drafts finds checks tracks handles advises recommends provides supports".split()
)
"""Words of the trade: they say that there is an assistant, not what it is about."""
LONGEST = 4000
_WORD = re.compile(r"[^\W\d_][\w'’-]*")


def words(text: str) -> list[str]:
    """Words of three letters or more (any two where a script has no spaces), case folded, without
    those of ``GRAMMAR``. The first 4,000 characters count."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    found = (w.strip("'’-") for w in _WORD.findall(plain))
    least = {True: 3, False: 2}
    return [w for w in found if len(w) >= least[w.isascii()] and w not in GRAMMAR]


def distinctive(groups: Sequence[Sequence[str]], most: int = 6) -> list[tuple[str, ...]]:
    """For each group of texts, its words that are frequent there and rare elsewhere, best first.

    tf * log(1 + A / f): tf texts of the group with the word over its texts, f the same over all
    groups, A the mean words per group; the class-based tf-idf of Grootendorst (2022, arXiv
    2203.05794, equation 2) with texts instead of tokens counted, so that one long text does not
    name a topic. A word and its plural are one, shown in the form that is more frequent. Words of
    the trade count last.
    """
    forms: Counter[str] = Counter()
    counts = [_stems(group, forms) for group in groups]
    everywhere: Counter[str] = Counter()
    for count in counts:
        everywhere.update(count)
    mean = sum(everywhere.values()) / max(1, len(groups))
    shown: dict[str, str] = {}
    for form, _ in sorted(forms.items(), key=lambda f: (-f[1], len(f[0]), f[0])):
        shown.setdefault(_stem(form), form)
    out = []
    for count, group in zip(counts, groups, strict=True):
        scores = {
            w: (n / len(group)) * math.log(1.0 + mean / everywhere[w]) for w, n in count.items()
        }
        ranked = sorted(scores, key=lambda w: (shown[w] in MARKERS, -scores[w], w))
        out.append(tuple(shown[w] for w in ranked[:most]))
    return out


def _stems(group: Sequence[str], forms: Counter[str]) -> Counter[str]:
    """Texts of a group with each word; a word and its plural are one."""
    count: Counter[str] = Counter()
    for text in group:
        found = set(words(text))
        forms.update(found)
        count.update({_stem(w) for w in found})
    return count


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word


def nouns(text: str, most: int = 4) -> tuple[str, ...]:
    """The words of a description that say what it is about, in their order; not more than that
    (no grammar is parsed)."""
    kept = [w for w in words(text) if w not in MARKERS] or words(text)
    return tuple(dict.fromkeys(kept))[:most]
