"""Records what is missing, batch by batch, within the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from backslide.audit.redteam.arms import Arms
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.ledger import Key, Ledger
from backslide.audit.redteam.making import failed, tokens_of
from backslide.audit.redteam.pace import Pace, alike, size_of
from backslide.audit.redteam.talk import Talk
from backslide.core.records import Request
from backslide.store.redteam_records import Spent

CHUNK = 64
"""Verdicts, or scored conversations, that are recorded at once."""


@dataclass(kw_only=True)
class Filling:
    """What one focus asks anew, put on file, and what of the file it has used.

    Batches are ``target.batches`` over all requests of a call that no earlier call of this focus
    asked: a pure function of the program, so that an interrupted run makes its missing batches with
    the same neighbours. A batch is recorded whole or not at all. Where the time is short, batches
    are cut into parts that fit into it (``pace``). Every batch that is used is charged to the
    clock, whoever made it.
    """

    focus: str
    ledger: Ledger
    arms: Arms
    clock: Clock
    talk: Talk
    retry_errors: bool

    def __post_init__(self) -> None:
        self.seen: set[Key] = set()
        self.retried: set[Key] = set()
        self._charged: set[tuple[str, int]] = set()
        self._pace = Pace()

    def whole(
        self,
        name: str,
        arm: str,
        keys: Sequence[Key],
        requests: Sequence[Request],
        make: Callable[[Sequence[Request]], list[Any]],
    ) -> None:
        """Record what is missing, batch by batch of the whole call."""
        new = {k: r for k, r in zip(keys, requests, strict=True) if k not in self.seen}
        if any(self.ledger.get(k) is None for k in new):
            self.ledger.add_prompts([r.prompt for r in requests])
            whole, names = list(new.values()), list(new)
            self.talk.asking(arm, len(new), sum(self.ledger.get(k) is not None for k in new))
            for group in self.arms.get(arm).batches(whole):
                rows = [(names[i], whole[i]) for i in group]
                sizes = [size_of(r.prompt, r.sampling.max_tokens) for _, r in rows]
                for part in alike(sizes):
                    chosen = [rows[i] for i in part]
                    self._in_parts(name, chosen, lambda p: make([r for _, r in p]))
        else:
            self._learn(name, list(new.items()))
        self._retry(name, arm, new, make)
        self._use(list(new))

    def in_chunks(
        self,
        keys: Sequence[Key],
        requests: Sequence[Request],
        make: Callable[[Sequence[tuple[Key, Request]]], list[Any]],
        arm: str,
    ) -> None:
        """As ``whole``, for scores, which do not depend on their neighbours."""
        new = [
            (k, r) for k, r in dict(zip(keys, requests, strict=True)).items() if k not in self.seen
        ]
        missing = [k for k, _ in new if self.ledger.get(k) is None]
        if missing:
            self.talk.asking(arm, len(new), len(new) - len(missing))
            self.ledger.add_prompts([r.prompt for _, r in new])
        for start in range(0, len(new), CHUNK):
            part = new[start : start + CHUNK]
            self._in_parts("likelihoods", part, make)

    def _in_parts(
        self,
        name: str,
        rows: Sequence[tuple[Key, Request]],
        make: Callable[[Sequence[tuple[Key, Request]]], list[Any]],
    ) -> None:
        """Record one batch, in parts that are short beside the time left. How long they take is
        told by what earlier ones took, as recorded, so that a run that goes on cuts the same."""
        start, sizes = 0, [size_of(r.prompt, r.sampling.max_tokens) for _, r in rows]
        while start < len(rows):
            count = self._pace.fitting(name, sizes[start:], self.clock)
            part = rows[start : start + count]
            missing = [row for row in part if self.ledger.get(row[0]) is None]
            if missing:
                self._record(name, missing, make)
            self._learn(name, part)
            self._use([k for k, _ in part])
            start += count

    def _learn(self, name: str, part: Sequence[tuple[Key, Request]]) -> None:
        """The pace, from what is on file."""
        asked: dict[tuple[str, int], float] = {}
        for k, r in part:
            batch = self.ledger.batch(k)
            asked[batch] = asked.get(batch, 0.0) + size_of(r.prompt, r.sampling.max_tokens)
        for batch, size in asked.items():
            self._pace.learn(name, batch, size, self.ledger.seconds(batch))

    def _record(self, name: str, part: Sequence[Any], make: Callable[[Any], list[Any]]) -> None:
        self.clock.check()
        started = time.perf_counter()
        lines = make(part)
        seconds = time.perf_counter() - started
        batch = lines[0].place.batch
        tokens = sum(tokens_of(line) for line in lines)
        self.ledger.add(name, lines, self.spent(name, batch, len(lines), tokens, seconds))
        self.charge((name, batch))
        self.talk.done(len(lines), tokens, sum(failed(line) for line in lines))

    def _retry(
        self,
        name: str,
        arm: str,
        new: dict[Key, Request],
        make: Callable[[Sequence[Request]], list[Any]],
    ) -> None:
        """Ask once more where the answer is a failure; the old record stays."""
        if not self.retry_errors:
            return
        again = {k: r for k, r in new.items() if self.ledger.get(k).failure is not None}
        again = {k: r for k, r in again.items() if k not in self.retried}
        self.retried.update(again)
        whole = list(again.values())
        for group in self.arms.get(arm).batches(whole) if whole else []:
            self._record(name, [whole[i] for i in group], make)

    def _use(self, keys: Sequence[Key]) -> None:
        for k in keys:
            self.charge(self.ledger.batch(k))
        self.seen.update(keys)

    def charge(self, batch: tuple[str, int]) -> None:
        """Each batch that this focus uses is charged once, with what it cost when it was made."""
        if batch not in self._charged:
            self._charged.add(batch)
            self.clock.charge(self.ledger.seconds(batch))

    def spent(self, file: str, batch: int, calls: int, tokens: int, seconds: float) -> Spent:
        return Spent(
            focus=self.focus, file=file, batch=batch, calls=calls, tokens=tokens, seconds=seconds
        )
