"""The asker of a red-team run (``core.protocols.Asker``): every answer is on the disk before the
focus sees it, and nothing that is on the disk is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backslide.audit.planning import told as with_system
from backslide.audit.redteam.arms import Arms
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.ledger import (
    Key,
    Ledger,
    conversation,
    digest,
    judged_digest,
    sampling_text,
)
from backslide.audit.redteam.making import (
    answer_lines,
    attacker_lines,
    failed,
    likelihood_lines,
    tokens_of,
)
from backslide.audit.redteam.pace import Pace, alike, size_of
from backslide.audit.redteam.talk import Talk
from backslide.core.protocols import Judge
from backslide.core.records import (
    Arm,
    Completion,
    Failure,
    Prompt,
    Request,
    Response,
    Sampling,
    Verdict,
)
from backslide.core.seeds import derive_seed
from backslide.store.redteam_records import Judged, Spent

CHUNK = 64
"""Verdicts, or scored conversations, that are recorded at once."""
Make = Callable[[Sequence[int]], list[Any]]


@dataclass(slots=True)
class Counts:
    """What one focus asked anew, in this process."""

    fresh: int = 0
    failures: int = 0


@dataclass(kw_only=True)
class RunAsker:
    """One focus's way to the models.

    Batches are ``target.batches`` over all requests of a call that no earlier call of this focus
    asked: a pure function of the program, so that an interrupted run makes its missing batches with
    the same neighbours. A batch is recorded whole or not at all. Where the time is short, batches
    are cut into parts that fit into it (``pace``).

    Args:
        focus: the name under which time is noted.
        ledger: what is on file.
        arms: the models.
        judge: whose verdicts count.
        seed: root of the seeds; prompt and repeat give the seed of a request, for both arms.
        clock: the time of this focus.
        attacker_model: the name under which the attacker's answers are kept.
        retry_errors: ask once more where the answer on file is a failure.
    """

    focus: str
    ledger: Ledger
    arms: Arms
    judge_by: Judge
    seed: int
    clock: Clock
    talk: Talk
    attacker_model: str = ""
    system_prompt: str | None = None
    retry_errors: bool = False
    judge_name: str = field(default="", init=False)
    counts: Counts = field(default_factory=Counts, init=False)

    def __post_init__(self) -> None:
        self.judge_name = self.judge_by.name
        self._seen: set[Key] = set()
        self._charged: set[tuple[str, int]] = set()
        self._retried: set[Key] = set()
        self.pace = Pace()

    @property
    def calls(self) -> int:
        """Different requests that this focus has used, from the record or anew."""
        return len(self._seen)

    def failures(self) -> dict[str, tuple[int, int]]:
        """By arm, how many of the answers that this focus has used are failures, of how many."""
        return self.ledger.failures(self._seen)

    def forget_failures(self) -> None:
        """Ask again, where it is asked for again in this process, what failed."""
        lost = self.ledger.failed(self._seen)
        self._seen -= lost
        self._retried -= lost

    def ask(
        self, arm: Arm, prompts: Sequence[Prompt], sampling: Sampling, *, repeat: int = 0
    ) -> list[Response]:
        """``Asker.ask``."""
        requests = [self._request(p, sampling, repeat) for p in prompts]
        said = sampling_text(sampling)
        keys: list[Key] = [("answer", arm, p.id, str(repeat), said) for p in prompts]

        def make(part: Sequence[Request]) -> list[Any]:
            place = self.ledger.place("responses", len(part))
            return answer_lines(place, arm, said, part, self.arms.get(arm).generate(part))

        self._fill("responses", arm, keys, requests, make)
        return [self.ledger.get(k) for k in keys]

    def attacker(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """``Asker.attacker``."""
        if not self.arms.has_attacker:
            self.arms.get("attacker")
        requests = [self._request(p, sampling, 0, told=False) for p in prompts]
        said, model = sampling_text(sampling), self.attacker_model
        keys: list[Key] = [("attacker", model, p.id, said) for p in prompts]

        def make(part: Sequence[Request]) -> list[Any]:
            place = self.ledger.place("attacker", len(part))
            made = self.arms.get("attacker").generate(part)
            return attacker_lines(place, model, said, part, made)

        self._fill("attacker", "attacker", keys, requests, make)
        return [self.ledger.get(k) for k in keys]

    def log_likelihoods(
        self, arm: Arm, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]
    ) -> list[Sequence[float] | Failure]:
        """``Asker.log_likelihoods``."""
        requests = [self._request(p, Sampling(), 0) for p in prompts]
        marks = [digest(conversation(p), list(a)) for p, a in zip(prompts, answers, strict=True)]
        keys: list[Key] = [
            ("likelihood", arm, p.id, m) for p, m in zip(prompts, marks, strict=True)
        ]
        given = dict(zip(keys, answers, strict=True))
        named = dict(zip(keys, marks, strict=True))

        def make(part: Sequence[tuple[Key, Request]]) -> list[Any]:
            place = self.ledger.place("likelihoods", len(part))
            rows = [(r, given[k], named[k]) for k, r in part]
            return likelihood_lines(place, arm, self.arms.get(arm), rows)

        self._fill_chunks(keys, requests, make, arm)
        return [self.ledger.get(k) for k in keys]

    def judge(self, items: Sequence[tuple[Prompt, Response]]) -> list[Verdict]:
        """``Asker.judge``. Judging is not stopped by the clock, only counted: an answer without a
        verdict would be of no use."""
        name, version = self.judge_by.name, self.judge_by.version
        marks = [judged_digest(name, version, p, r) for p, r in items]
        todo: dict[str, tuple[Prompt, Response]] = {}
        for mark, item in zip(marks, items, strict=True):
            known = self.ledger.verdict(mark)
            if known is None or (self.retry_errors and self._judge_failed(mark, known)):
                todo.setdefault(mark, item)
            else:
                self._charge(("verdicts", known.place.batch))
        waiting = list(todo)
        for start in range(0, len(waiting), CHUNK):
            self._judge_part({m: todo[m] for m in waiting[start : start + CHUNK]})
        return [self.ledger.verdict(m).verdict for m in marks]  # type: ignore[union-attr]

    def left(self) -> float | None:
        """``Asker.left``."""
        return self.clock.left()

    def progress(self, stage: str, done: int, total: int) -> None:
        """``Asker.progress``."""
        self.talk.stage(stage, done, total)

    def _judge_part(self, part: dict[str, tuple[Prompt, Response]]) -> None:
        started = time.perf_counter()
        verdicts = self.judge_by.judge(list(part.values()))
        place = self.ledger.place("verdicts", len(part))
        found = [
            Judged(place=place, digest=m, verdict=v) for m, v in zip(part, verdicts, strict=True)
        ]
        batch, seconds = place.batch, time.perf_counter() - started
        self.ledger.add_verdicts(found, self._spent("verdicts", batch, len(found), 0, seconds))
        self._charge(("verdicts", batch))

    def _judge_failed(self, mark: str, known: Judged) -> bool:
        """Whether the judge itself failed on this one; it is asked once more per process."""
        key: Key = ("verdict", mark)
        failed = known.verdict.label is None and known.verdict.reason.startswith("judge failed")
        if not failed or key in self._retried:
            return False
        self._retried.add(key)
        return True

    def _fill(
        self,
        name: str,
        arm: str,
        keys: Sequence[Key],
        requests: Sequence[Request],
        make: Callable[[Sequence[Request]], list[Any]],
    ) -> None:
        """Record what is missing, batch by batch of the whole call."""
        new = {k: r for k, r in zip(keys, requests, strict=True) if k not in self._seen}
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

    def _fill_chunks(
        self,
        keys: Sequence[Key],
        requests: Sequence[Request],
        make: Callable[[Sequence[tuple[Key, Request]]], list[Any]],
        arm: str,
    ) -> None:
        """As ``_fill``, for scores, which do not depend on their neighbours."""
        new = [
            (k, r) for k, r in dict(zip(keys, requests, strict=True)).items() if k not in self._seen
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
            count = self.pace.fitting(name, sizes[start:], self.clock)
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
            self.pace.learn(name, batch, size, self.ledger.seconds(batch))

    def _record(self, name: str, part: Sequence[Any], make: Callable[[Any], list[Any]]) -> None:
        self.clock.check()
        started = time.perf_counter()
        lines = make(part)
        seconds = time.perf_counter() - started
        batch = lines[0].place.batch
        tokens = sum(tokens_of(line) for line in lines)
        failures = sum(failed(line) for line in lines)
        self.ledger.add(name, lines, self._spent(name, batch, len(lines), tokens, seconds))
        self._charge((name, batch))
        self.counts.fresh += len(lines)
        self.counts.failures += failures
        self.talk.done(len(lines), tokens, failures)

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
        again = {k: r for k, r in again.items() if k not in self._retried}
        self._retried.update(again)
        whole = list(again.values())
        for group in self.arms.get(arm).batches(whole) if whole else []:
            self._record(name, [whole[i] for i in group], make)

    def _use(self, keys: Sequence[Key]) -> None:
        for k in keys:
            self._charge(self.ledger.batch(k))
        self._seen.update(keys)

    def _charge(self, batch: tuple[str, int]) -> None:
        """Each batch that this focus uses is charged once, with what it cost when it was made."""
        if batch not in self._charged:
            self._charged.add(batch)
            self.clock.charge(self.ledger.seconds(batch))

    def _spent(self, file: str, batch: int, calls: int, tokens: int, seconds: float) -> Spent:
        return Spent(
            focus=self.focus, file=file, batch=batch, calls=calls, tokens=tokens, seconds=seconds
        )

    def _request(
        self, prompt: Prompt, sampling: Sampling, repeat: int, *, told: bool = True
    ) -> Request:
        seen = with_system(prompt, self.system_prompt) if told else prompt
        seed = derive_seed(self.seed, "redteam", prompt.id, repeat)
        return Request(prompt=seen, repeat=repeat, seed=seed, sampling=sampling)
