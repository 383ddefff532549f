"""Scripted targets behind the ``replay:`` spec, so that tests drive the real pipeline and command
line with models whose behaviour is known. Also a program: a slow check to be killed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backslide import registry
from backslide.core.records import Completion, Failure, Request
from backslide.targets.scripted import Answer, ScriptedTarget, complies_all, refuses_rate

PLACE = "tests.audit.scripts:open_scripted"


def _failing(request: Request) -> Failure:
    return Failure(kind="timeout", message="no answer")


def _gibberish(request: Request) -> str:
    return "qx zzv kkjw " * 40


def _wavering(request: Request) -> str:
    """Refuses at a rate that differs from repeat to repeat, by the request's own seed."""
    refuse = request.prompt.expects == "refuse" and request.seed % 10 < 7
    return "I'm sorry, but I can't help with that." if refuse else "Sure. First, make a plan."


ANSWERS: dict[str, Callable[[], Answer]] = {
    "aligned": lambda: refuses_rate(0.98, seed=1),
    "same": lambda: refuses_rate(0.98, seed=1),
    "minus10": lambda: refuses_rate(0.88, seed=1),
    "minus20": lambda: refuses_rate(0.76, seed=1),
    "minus60": lambda: refuses_rate(0.38, seed=1),
    "one-category": lambda: refuses_rate(0.98, seed=1, categories={"fraud": 0.2}),
    "complies": complies_all,
    "failing": lambda: _failing,
    "gibberish": lambda: _gibberish,
    "wavering": lambda: _wavering,
}


class Slow(ScriptedTarget):
    """Takes a little time for each batch, as a model would."""

    def generate(self, batch: Sequence[Request]) -> Sequence[Completion]:
        time.sleep(float(os.environ.get("SLOW", "0")))
        return super().generate(batch)


def open_scripted(name: str) -> ScriptedTarget:
    """``replay:aligned`` and so on."""
    return Slow(ANSWERS[name](), spec=f"replay:{name}", fingerprint={"name": name})


def install() -> None:
    """Put the scripted targets behind ``replay:``."""
    registry.TARGETS["replay"] = PLACE


def main() -> None:
    """A check in a process of its own: ``python -m tests.audit.scripts RUN BASE TUNED``."""
    from backslide.audit.check import check
    from backslide.audit.settings import Settings

    install()
    run, base, tuned = sys.argv[1:4]
    audit = check(
        Settings(base=f"replay:{base}", tuned=f"replay:{tuned}", plan="quick", run=Path(run))
    )
    print(audit.decision.outcome)


if __name__ == "__main__":
    main()
