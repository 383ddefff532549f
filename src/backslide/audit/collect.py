"""Gets the answers of both arms, batch by batch, so that killing it loses at most one batch.

The batches of an arm are a pure function of its requests, and a batch is written as a whole. So the
responses file of an interrupted run is a prefix of the file of an uninterrupted one: what follows
the last whole batch is cut off and that batch is made again, with the same neighbours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backslide.audit.planning import Planned
from backslide.audit.progress import Progress
from backslide.audit.settings import Settings
from backslide.core.errors import StoreError
from backslide.core.protocols import Target
from backslide.core.records import Arm, Completion, Request, Response
from backslide.store.arms import ArmCache
from backslide.store.run import Run, Timing


@dataclass(frozen=True, slots=True)
class Work:
    """One arm's batches of requests, in the order in which they are written."""

    arm: Arm
    batches: list[list[Request]]

    def keys(self) -> Iterator[tuple[str, str, int]]:
        """The keys of all responses of this arm, in file order."""
        for batch in self.batches:
            for r in batch:
                yield (self.arm, r.prompt.id, r.repeat)


def work_for(arm: Arm, target: Target, planned: Planned, settings: Settings) -> Work:
    """The batches of one arm. Replayed answers cannot be asked again: that would copy them and
    report a noise of zero that nobody measured."""
    if arm == "again" and target.fingerprint().get("kind") == "replay":
        return Work(arm, [])
    requests = planned.requests(arm, settings)
    groups = target.batches(requests) if requests else []
    return Work(arm, [[requests[i] for i in group] for group in groups])


class Collector:
    """Fills the responses file of a run, arm after arm."""

    def __init__(self, run: Run, progress: Progress, cache: ArmCache | None = None) -> None:
        self._run = run
        self._progress = progress
        self._cache = cache
        lines = run.responses()
        self._recorded = lines.records
        self._ends = lines.ends
        self._place = 0
        self.failures = 0

    def collect(self, work: Work, target: Target) -> None:
        """Make the batches of one arm that the file does not hold yet.

        Raises:
            StoreError: the file does not continue as this plan does.
        """
        if not work.batches:
            return
        done = self._whole_batches(work)
        total = sum(map(len, work.batches))
        kept = sum(map(len, work.batches[:done]))
        self._progress.stage(_title(work.arm, target.spec), total, kept)
        if done == 0 and self._from_cache(work, target.fingerprint()):
            return
        for batch in work.batches[done:]:
            self._make(work.arm, batch, target)
        if work.batches and self._place == len(self._recorded):
            self._to_cache(work, target.fingerprint())

    def _whole_batches(self, work: Work) -> int:
        """How many batches of this arm are on file; cuts what lies behind the last whole one."""
        done = 0
        for batch in work.batches:
            keys = [(work.arm, r.prompt.id, r.repeat) for r in batch]
            found = [r.key for r in self._recorded[self._place : self._place + len(batch)]]
            if found == keys:
                done += 1
                self._place += len(batch)
                continue
            if found != keys[: len(found)]:
                raise StoreError(
                    f"{self._run.directory}/responses.jsonl line {self._place + 1} is not part "
                    "of this plan",
                    hint="choose another place with --run",
                )
            self._cut()
            break
        return done

    def _cut(self) -> None:
        if self._place < len(self._recorded):
            self._run.keep_responses(self._ends[self._place - 1] if self._place else 0)
            del self._recorded[self._place :]
            del self._ends[self._place :]

    def _make(self, arm: Arm, batch: Sequence[Request], target: Target) -> None:
        started = time.perf_counter()
        completions = target.generate(batch)
        responses = [response_of(arm, r, c) for r, c in zip(batch, completions, strict=True)]
        self._write(arm, responses, time.perf_counter() - started)

    def _write(self, arm: Arm, responses: list[Response], seconds: float) -> None:
        tokens = sum(r.tokens or 0 for r in responses)
        failures = sum(r.failure is not None for r in responses)
        timing = Timing(arm=arm, calls=len(responses), tokens=tokens, seconds=seconds)
        self._run.add_responses(responses, timing)
        self._recorded += responses
        self._place += len(responses)
        self.failures += failures
        self._progress.advance(len(responses), tokens, failures)

    def _from_cache(self, work: Work, fingerprint: Mapping[str, str]) -> bool:
        if self._cache is None or not work.batches:
            return False
        found = self._cache.get(fingerprint, work.batches)
        if found is None:
            return False
        self._progress.note("answers of the same weights to the same prompts are on file: reused")
        start = 0
        for batch in work.batches:
            part = found[start : start + len(batch)]
            self._write(work.arm, [_renamed(r, work.arm) for r in part], 0.0)
            start += len(batch)
        return True

    def _to_cache(self, work: Work, fingerprint: Mapping[str, str]) -> None:
        if self._cache is None:
            return
        count = sum(map(len, work.batches))
        self._cache.put(
            fingerprint, work.batches, self._recorded[self._place - count : self._place]
        )

    def retry(self, arm: Arm, requests: Sequence[Request], target: Target) -> None:
        """Ask again where the last answer of this arm was a failure; the old record stays."""
        last = {r.key: r for r in self._run.responses().records if r.arm == arm}
        again = [
            r
            for r in requests
            if (old := last.get((arm, r.prompt.id, r.repeat))) is not None and old.failure
        ]
        self._progress.stage(f"{arm}: again after failures", len(again), 0)
        for group in target.batches(again) if again else []:
            self._make(arm, [again[i] for i in group], target)


def response_of(arm: Arm, request: Request, c: Completion) -> Response:
    """A completion with its place in the run; what cannot be written as UTF-8 is replaced."""
    return Response(
        prompt_id=request.prompt.id,
        arm=arm,
        repeat=request.repeat,
        seed=request.seed,
        text=writable(c.text),
        failure=c.failure,
        prompt_tokens=c.prompt_tokens,
        tokens=c.tokens,
        finish=c.finish,
    )


def writable(text: str | None) -> str | None:
    """Lone surrogates, which an endpoint can send, cannot be written as UTF-8."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")


def _renamed(response: Response, arm: Arm) -> Response:
    from dataclasses import replace

    return replace(response, arm=arm)


def _title(arm: Arm, spec: str) -> str:
    return {"base": "base", "again": "base again (noise floor)", "tuned": "tuned"}[arm] + f" {spec}"
