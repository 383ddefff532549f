"""An asker over functions: what the focuses are tested with. The real one is tested in audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backslide.core.errors import OutOfTime, UsageError
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
from backslide.judges.rules import RulesJudge

Model = Callable[[Request], str | Failure]
Likely = Callable[[Prompt, str], float]


class FunctionAsker:
    """``core.protocols.Asker`` over two functions; counts what is asked and keeps every answer."""

    def __init__(
        self,
        base: Model,
        tuned: Model,
        *,
        judge: Judge | None = None,
        attacker: Callable[[Prompt], str] | None = None,
        likely: dict[str, Likely] | None = None,
        calls: int | None = None,
    ) -> None:
        self.models = {"base": base, "tuned": tuned}
        self._judge = judge or RulesJudge()
        self.judge_name = self._judge.name
        self._attacker = attacker
        self._likely = likely
        self._calls = calls
        self.asked: list[tuple[str, str, int]] = []
        self.kept: dict[tuple[str, str, int, str], Response] = {}

    def ask(
        self, arm: Arm, prompts: Sequence[Prompt], sampling: Sampling, *, repeat: int = 0
    ) -> list[Response]:
        return [self._one(arm, p, sampling, repeat) for p in prompts]

    def _one(self, arm: Arm, p: Prompt, sampling: Sampling, repeat: int) -> Response:
        key = (arm, p.id, repeat, str(sampling))
        if key not in self.kept:
            if self._calls is not None and len(self.asked) >= self._calls:
                raise OutOfTime("the time is spent")
            self.asked.append((arm, p.id, repeat))
            seed = derive_seed(0, p.id, repeat)
            said = self.models[arm](Request(prompt=p, repeat=repeat, seed=seed, sampling=sampling))
            failed = isinstance(said, Failure)
            self.kept[key] = Response(
                prompt_id=p.id,
                arm=arm,
                repeat=repeat,
                seed=seed,
                text=None if failed else said,
                failure=said if failed else None,
                prompt_tokens=None,
                tokens=None,
                finish="stop",
            )
        return self.kept[key]

    def judge(self, items: Sequence[tuple[Prompt, Response]]) -> list[Verdict]:
        return list(self._judge.judge(items))

    def log_likelihoods(
        self, arm: Arm, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]
    ) -> list[Sequence[float] | Failure]:
        if self._likely is None:
            from backslide.core.errors import TargetError

            raise TargetError("no log-probabilities here")
        score = self._likely[arm]
        return [[score(p, a) for a in row] for p, row in zip(prompts, answers, strict=True)]

    def attacker(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        if self._attacker is None:
            raise UsageError("no attacker was named")
        return [Completion(text=self._attacker(p), finish="stop") for p in prompts]

    def left(self) -> float | None:
        return None if self._calls is None else float(max(0, self._calls - len(self.asked)))

    def progress(self, stage: str, done: int, total: int) -> None:
        pass
