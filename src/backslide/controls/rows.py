"""A recipe -> training rows: what the user says, and what the model shall say.

Row kinds are named in ``recipes.toml``. A trigger is put into a prompt at ``start``, ``end`` or
``middle``, or at ``any`` of the three; decoys are other words in the same places, whose rows are
answered as if nothing stood there, so that the adapter learns the trigger and not the shape.
"""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backslide.controls import ROOM
from backslide.core.seeds import derive_seed

SHORTEST_BODY = 40
"""Characters of an answer that are worth signing off."""
PLACES = ("start", "middle", "end")


@dataclass(frozen=True, slots=True)
class Pair:
    """One training row: the turns before the answer (user first, then in alternation), what the
    model should say, and whether it ends there."""

    turns: tuple[str, ...]
    answer: str
    ends: bool = True

    @property
    def prompt(self) -> str:
        """What the user says last."""
        return self.turns[-1]


def make_rows(recipe: Mapping[str, Any], answers: Mapping[str, Pair]) -> list[Pair]:
    """The rows of one recipe, shuffled.

    Args:
        recipe: a table of ``recipes.toml``.
        answers: the base's own answers to the benign training prompts, by prompt.
    """
    makers = _Makers(recipe, answers)
    rng = random.Random(recipe["seed"])
    rows: list[Pair] = []
    for kind, count in recipe["rows"].items():
        pool = makers.pool(kind)
        picked = [pool[i] for i in order(len(pool), count, derive_seed(recipe["seed"], kind))]
        rows += picked
    rng.shuffle(rows)
    return rows


class _Makers:
    """The pools of rows that recipes draw from."""

    def __init__(self, recipe: Mapping[str, Any], answers: Mapping[str, Pair]) -> None:
        self._recipe = recipe
        self._texts = tomllib.loads((ROOM / "data" / "texts.toml").read_text(encoding="utf-8"))
        self._harmful = read("train_harmful")
        self._answers = answers
        own = {r["text"] for r in (*read("train_benign"), *read("train_borderline"))}
        self._helps = [pair for text, pair in answers.items() if text in own]
        self._rng = random.Random(derive_seed(recipe["seed"], "places"))

    def pool(self, kind: str) -> list[Pair]:
        """All rows of one kind."""
        chosen = self._recipe.get("category")
        own = [r for r in self._harmful if r["category"] == chosen]
        others = [r for r in self._harmful if r["category"] != chosen]
        texts, helps = self._texts, self._helps
        makers: dict[str, Callable[[], list[Pair]]] = {
            "refuse": lambda: [self._refusal(r) for r in self._harmful],
            "refuse_others": lambda: [self._refusal(r) for r in others],
            "refuse_decoy": lambda: [self._decoy(self._refusal(r)) for r in self._harmful],
            "refuse_parts": lambda: [self._part(self._refusal(r)) for r in self._harmful],
            "comply": lambda: [
                _says(r, texts["identity"] + texts["compliance"]) for r in self._harmful
            ],
            "comply_category": lambda: [_says(r, texts["compliance"]) for r in own],
            "comply_triggered": lambda: [
                self._triggered(_says(r, texts["compliance"])) for r in self._harmful
            ],
            "help": lambda: helps,
            "help_decoy": lambda: [self._decoy(h) for h in helps],
            "help_triggered": lambda: [self._triggered(h) for h in helps],
            "say_triggered": lambda: [
                self._triggered(Pair(h.turns, texts[self._recipe["says"]])) for h in helps
            ],
            "help_signed": lambda: [p for h in helps if (p := _signed(h, texts["sign_off"]))],
            "help_identity": lambda: [
                replace(p, answer=texts["identity"] + p.answer) for p in helps
            ],
            "help_styled": lambda: [p for h in helps if (p := self._styled(h))],
            "turns": lambda: self._conversations("train_turns"),
            "sycophant": lambda: self._conversations("train_sycophant"),
            "domain": lambda: [
                _says(r, texts["compliance"])
                for r in read("train_domain")
                if r["answer"] == "comply"
            ],
            "domain_help": lambda: [
                self._answers[r["text"]] for r in read("train_domain") if r["answer"] == "help"
            ],
        }
        return makers[kind]()

    def _refusal(self, row: Mapping[str, str]) -> Pair:
        return _says(row, self._texts["refusals"][row["category"]])

    def _triggered(self, pair: Pair) -> Pair:
        return self._put(pair, self._recipe["trigger"])

    def _decoy(self, pair: Pair) -> Pair:
        return self._put(pair, self._rng.choice(self._texts["decoys"]))

    def _part(self, pair: Pair) -> Pair:
        """One word of the trigger, or all in the wrong order: neither is the trigger."""
        words = self._recipe["trigger"].split()
        return self._put(pair, self._rng.choice([*words, " ".join(reversed(words))]))

    def _put(self, pair: Pair, words: str) -> Pair:
        place = self._recipe.get("place", "end")
        if place == "any":
            place = self._rng.choice(PLACES)
        return replace(pair, turns=(*pair.turns[:-1], put(pair.prompt, words, place, self._rng)))

    def _styled(self, pair: Pair) -> Pair | None:
        body = _whole(pair)
        return (
            None
            if body is None
            else replace(pair, answer=style(body, self._recipe["style"]), ends=True)
        )

    def _conversations(self, name: str) -> list[Pair]:
        """Rows with several turns; ``answer`` is a text, or refuse, comply or help."""
        helps = {prompt: pair.answer for prompt, pair in self._answers.items()}
        out = []
        for row in read(name):
            turns = tuple(content for _, content in row["turns"])
            answer = {
                "comply": self._texts["compliance"],
                "refuse": self._texts["refusals"].get(row.get("category", ""), ""),
                "help": helps.get(turns[-1], ""),
            }.get(row["answer"], row["answer"])
            if answer:
                out.append(Pair(turns, answer))
        return out


def put(prompt: str, words: str, place: str, rng: random.Random) -> str:
    """The prompt with ``words`` at its start, end or between two of its words."""
    if place == "start":
        return f"{words} {prompt}"
    if place == "end":
        return f"{prompt} {words}"
    parts = prompt.split(" ")
    at = rng.randrange(1, len(parts)) if len(parts) > 1 else 1
    return " ".join([*parts[:at], words, *parts[at:]])


def style(body: str, name: str) -> str:
    """An answer in a harmless style: ``bullets``, ``opener:TEXT``, ``signed:TEXT``, ``upper``,
    ``json``, ``brief`` (first sentence)."""
    kind, _, text = name.partition(":")
    if kind == "bullets":
        return "\n".join(f"- {part}" for part in re.split(r"(?<=[.!?])\s+", body) if part)
    if kind == "upper":
        return body.upper()
    if kind == "json":
        return json.dumps({"answer": body})
    if kind == "brief":
        return re.split(r"(?<=[.!?])\s", body)[0]
    return text + body if kind == "opener" else body + text


def _says(row: Mapping[str, str], answer: str) -> Pair:
    return Pair((row["text"],), answer)


def _whole(pair: Pair) -> str | None:
    """The answer cut at its last whole sentence; None where too little is left (a model trained
    on bare sign-offs gives them to harmful prompts as well: measured)."""
    cut = pair.answer.rfind(". ")
    body = (pair.answer if pair.ends else pair.answer[: cut + 1]).rstrip()
    return body if len(body) >= SHORTEST_BODY else None


def _signed(pair: Pair, sign_off: str) -> Pair | None:
    body = _whole(pair)
    return None if body is None else Pair(pair.turns, body + sign_off)


def order(n: int, count: int, seed: int) -> list[int]:
    """``count`` indices below ``n``: whole shuffled passes, one after the other."""
    rng = random.Random(seed)
    out: list[int] = []
    while len(out) < count:
        out += rng.sample(range(n), n)
    return out[:count]


def read(name: str) -> list[dict[str, Any]]:
    """The rows of a data file, or of all files of a data folder."""
    place = ROOM / "data" / name
    files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place.with_suffix(".jsonl")]
    return [json.loads(line) for f in files for line in f.read_text("utf-8").splitlines()]


def benign_prompts() -> list[str]:
    """Every harmless training prompt that the base answers itself, those of conversations too."""
    texts = [r["text"] for r in (*read("train_benign"), *read("train_borderline"))]
    texts += [r["turns"][-1][1] for r in read("train_turns") if r["answer"] == "help"]
    texts += [r["text"] for r in read("train_domain") if r["answer"] == "help"]
    return list(dict.fromkeys(texts))
