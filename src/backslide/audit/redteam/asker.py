"""The asker of a red-team run (``core.protocols.Asker``): every answer is on the disk before the
focus sees it, and nothing that is on the disk is asked again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backslide.audit.planning import told as with_system
from backslide.audit.redteam.arms import Arms
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.filling import CHUNK, Filling
from backslide.audit.redteam.ledger import (
    Key,
    Ledger,
    conversation,
    digest,
    judged_digest,
    sampling_text,
)
from backslide.audit.redteam.making import answer_lines, attacker_lines, likelihood_lines
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
from backslide.store.redteam_records import Judged


@dataclass(kw_only=True)
class RunAsker:
    """One focus's way to the models.

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

    def __post_init__(self) -> None:
        self.judge_name = self.judge_by.name
        self.filling = Filling(
            focus=self.focus,
            ledger=self.ledger,
            arms=self.arms,
            clock=self.clock,
            talk=self.talk,
            retry_errors=self.retry_errors,
        )

    @property
    def calls(self) -> int:
        """Different requests that this focus has used, from the record or anew."""
        return len(self.filling.seen)

    def failures(self) -> dict[str, tuple[int, int]]:
        """By arm, how many of the answers that this focus has used are failures, of how many."""
        return self.ledger.failures(self.filling.seen)

    def forget_failures(self) -> None:
        """Ask again, where it is asked for again in this process, what failed."""
        lost = self.ledger.failed(self.filling.seen)
        self.filling.seen -= lost
        self.filling.retried -= lost

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

        self.filling.whole("responses", arm, keys, requests, make)
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

        self.filling.whole("attacker", "attacker", keys, requests, make)
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

        self.filling.in_chunks(keys, requests, make, arm)
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
                self.filling.charge(("verdicts", known.place.batch))
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
        self.ledger.add_verdicts(
            found, self.filling.spent("verdicts", batch, len(found), 0, seconds)
        )
        self.filling.charge(("verdicts", batch))

    def _judge_failed(self, mark: str, known: Judged) -> bool:
        """Whether the judge itself failed on this one; it is asked once more per process."""
        key: Key = ("verdict", mark)
        failed = known.verdict.label is None and known.verdict.reason.startswith("judge failed")
        if not failed or key in self.filling.retried:
            return False
        self.filling.retried.add(key)
        return True

    def _request(
        self, prompt: Prompt, sampling: Sampling, repeat: int, *, told: bool = True
    ) -> Request:
        seen = with_system(prompt, self.system_prompt) if told else prompt
        seed = derive_seed(self.seed, "redteam", prompt.id, repeat)
        return Request(prompt=seen, repeat=repeat, seed=seed, sampling=sampling)
