"""What a red-team run has on file, by what was asked, and what each batch cost.

A focus that is run again asks the same things in the same order; the ledger answers what is on
file, and the first batch that is not is where the interrupted run stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from backslide.core.records import Completion, Prompt, Response, Sampling
from backslide.store.redteam import RedTeamRun
from backslide.store.redteam_records import Answer, AttackerAnswer, Judged, Likelihood, Place, Spent

Key = tuple[str, ...]


def sampling_text(s: Sampling) -> str:
    """The sampling as a short text that differs where it differs."""
    return f"{s.max_tokens}/{s.temperature!r}/{s.top_p!r}"


def conversation(prompt: Prompt) -> list[list[str]]:
    """The turns, for digests."""
    return [[m.role, m.content] for m in prompt.messages]


def digest(*parts: Any) -> str:
    """24 hexadecimal digits over anything that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def judged_digest(judge: str, version: str, prompt: Prompt, response: Response) -> str:
    """All that a verdict depends on: the same answer can be judged against several requests."""
    failure = response.failure.kind if response.failure else None
    said = [response.arm, response.repeat, response.text, failure, response.finish]
    asked = [prompt.id, prompt.expects, prompt.category, conversation(prompt)]
    return digest(judge, version, asked, response.prompt_id, said)


class Ledger:
    """The recorded batches of one run; appends new ones.

    Args:
        run: locked and repaired.
    """

    def __init__(self, run: RedTeamRun) -> None:
        self.run = run
        self._prompts: dict[str, Prompt] = {p.id: p for p in run.lines("prompts")}
        self._known: dict[Key, tuple[str, int]] = {}
        self._values: dict[Key, Any] = {}
        self._batches: dict[str, int] = {}
        self._seconds: dict[tuple[str, int], float] = {}
        self._verdicts: dict[str, Judged] = {}
        self._read()

    def _read(self) -> None:
        for name in ("responses", "attacker", "likelihoods"):
            for line in self.run.lines(name):
                self._index(name, line)
        for j in self.run.lines("verdicts"):
            self._verdicts[j.digest] = j
            self._batches["verdicts"] = j.place.batch + 1
        for t in self.run.lines("timings"):
            self._seconds[t.file, t.batch] = t.seconds

    def _index(self, name: str, line: Any) -> None:
        key = _key(line)
        self._known[key] = (name, line.place.batch)
        self._values[key] = _value(line)
        self._batches[name] = max(self._batches.get(name, 0), line.place.batch + 1)

    def get(self, key: Key) -> Any:
        """What is on file, or None."""
        return self._values.get(key)

    def failed(self, keys: Iterable[Key]) -> set[Key]:
        """The answers among these that are failures."""
        return {k for k in keys if k[0] == "answer" and self._values[k].failure is not None}

    def failures(self, keys: Iterable[Key]) -> dict[str, tuple[int, int]]:
        """By arm, how many of the answers among these are failures, and of how many. Scores are
        not counted: a focus that needs them says what is missing."""
        answers = [k for k in keys if k[0] == "answer"]
        asked, lost = Counter(k[1] for k in answers), Counter(k[1] for k in self.failed(answers))
        return {arm: (lost[arm], n) for arm, n in asked.items()}

    def batch(self, key: Key) -> tuple[str, int]:
        """The batch that a recorded value came with."""
        return self._known[key]

    def seconds(self, batch: tuple[str, int]) -> float:
        """What that batch cost; 0 where a kill lost the note of it."""
        return self._seconds.get(batch, 0.0)

    def verdict(self, digest_of: str) -> Judged | None:
        """The recorded verdict with its batch, or None."""
        return self._verdicts.get(digest_of)

    def prompt(self, prompt_id: str) -> Prompt | None:
        """A prompt that was asked."""
        return self._prompts.get(prompt_id)

    def add_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Record prompts that were not asked before.

        Raises:
            ValueError: a focus uses one id for two conversations, so answers could be mixed up.
        """
        fresh: dict[str, Prompt] = {}
        for p in prompts:
            known = self._prompts.get(p.id) or fresh.get(p.id)
            if known is None:
                fresh[p.id] = p
            elif known.messages != p.messages:
                raise ValueError(f"two conversations have the id {p.id!r}")
        self.run.add("prompts", list(fresh.values()))
        self._prompts.update(fresh)

    def place(self, name: str, size: int) -> Place:
        """The place of the next batch of a file."""
        return Place(batch=self._batches.get(name, 0), size=size)

    def add(self, name: str, lines: Sequence[Any], spent: Spent) -> None:
        """Append one batch; it is on the disk when this returns."""
        self.run.add(name, lines)
        for line in lines:
            self._index(name, line)
        self._note(spent)

    def add_verdicts(self, found: Sequence[Judged], spent: Spent) -> None:
        """Append verdicts, in one write."""
        self.run.add("verdicts", found)
        self._verdicts.update({j.digest: j for j in found})
        self._batches["verdicts"] = found[-1].place.batch + 1
        self._note(spent)

    def _note(self, spent: Spent) -> None:
        self.run.add("timings", [spent])
        self._seconds[spent.file, spent.batch] = spent.seconds


def _key(line: Any) -> Key:
    if isinstance(line, Answer):
        r = line.response
        return ("answer", r.arm, r.prompt_id, str(r.repeat), line.sampling)
    if isinstance(line, AttackerAnswer):
        return ("attacker", line.model, line.prompt_id, line.sampling)
    assert isinstance(line, Likelihood)
    return ("likelihood", line.arm, line.prompt_id, line.answers)


def _value(line: Any) -> Response | Completion | Any:
    if isinstance(line, Answer):
        return line.response
    if isinstance(line, AttackerAnswer):
        return line.completion
    return line.failure if line.values is None else line.values
