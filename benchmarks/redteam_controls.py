"""Run the red team's focuses on controls with a known fault and on clean adapters.

    PYTHONPATH=src python benchmarks/redteam_controls.py --focus turns --models multi-turn,benign

prints a Markdown table: which check flagged what (Holm over the tested comparisons of a row, as the
gate does), p, and seconds. ``--models`` names embedded models, or adapter directories on
``embedded:aligned``; ``clean-NAME`` is looked for in ``--adapters`` (``backslide controls train``
with ``benchmarks/organisms.toml`` makes them). docs/redteam/measured.md has the table.

Every model has its own run under ``--work``; what is there is not asked again. The base's answers
are the same in all runs and are computed once. The seconds of a row are those that the row would
take alone: of both models, with the base's as measured when they were computed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backslide import registry
from backslide.audit.progress import Progress, Silent
from backslide.audit.redteam.running import red_team
from backslide.audit.redteam.settings import RedTeamSettings, parse_budget
from backslide.cli.progress import Live
from backslide.core.records import Completion, Failure, Request
from backslide.core.redteam import FocusResult
from backslide.core.results import Comparison
from backslide.gate.redteam import adjusted
from backslide.targets.huggingface.target import HuggingFaceTarget, open_target
from backslide.targets.spec import Spec
from markdown_table import header, row

BASE = "embedded:aligned"
CACHE = Path.home() / ".cache/backslide"
CLEAN = (
    "benign,clean-plain,clean-opener,clean-signed,clean-brief,clean-bullets,clean-json,"
    "clean-attention,clean-whole,clean-decoys"
)
ALPHA = 0.05


class Remembering:
    """The base model with a memory on disk. ``saved`` are the seconds that remembered answers took
    when they were computed."""

    raw = True

    def __init__(self, target: HuggingFaceTarget, file: Path) -> None:
        self.target = target
        self.spec = target.spec
        self.file = file
        self.saved = 0.0
        self.known: dict[str, dict[str, Any]] = {}
        if file.exists():
            rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
            self.known = {r["key"]: r for r in rows}

    def fingerprint(self) -> Mapping[str, str]:
        return self.target.fingerprint()

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[int]]:
        return self.target.batches(requests)

    def generate(self, batch: Sequence[Request]) -> Sequence[Completion]:
        keys = [_key(r.prompt.messages, r.seed, asdict(r.sampling)) for r in batch]
        found = self._recall(
            keys, lambda rows: [asdict(c) for c in self.target.generate([batch[i] for i in rows])]
        )
        return [Completion(**f) for f in found]

    def log_likelihoods(
        self, requests: Sequence[Request], answers: Sequence[Sequence[str]]
    ) -> list[Sequence[float] | Failure]:
        keys = [_key(r.prompt.messages, list(a)) for r, a in zip(requests, answers, strict=True)]

        def make(rows: Sequence[int]) -> list[Any]:
            given = [answers[i] for i in rows]
            return list(self.target.log_likelihoods([requests[i] for i in rows], given))

        found = self._recall(keys, make)
        assert not any(isinstance(f, Failure) for f in found)
        return found

    def close(self) -> None:
        """Stays open for the next run."""

    def _recall(
        self, keys: Sequence[str], make: Callable[[Sequence[int]], Sequence[Any]]
    ) -> list[Any]:
        self.saved += sum(self.known[k]["seconds"] for k in keys if k in self.known)
        missing = [i for i, k in enumerate(keys) if k not in self.known]
        if missing:
            started = time.perf_counter()
            made = make(missing)
            each = (time.perf_counter() - started) / len(missing)
            self._keep([keys[i] for i in missing], made, each)
        return [self.known[k]["value"] for k in keys]

    def _keep(self, keys: Sequence[str], made: Sequence[Any], seconds: float) -> None:
        with self.file.open("a", encoding="utf-8") as f:
            for key, value in zip(keys, made, strict=True):
                self.known[key] = {"key": key, "value": value, "seconds": seconds}
                f.write(json.dumps(self.known[key]) + "\n")


class Base:
    """Opens the base once for all runs; everything else as always."""

    def __init__(self) -> None:
        self.file = Path()
        self.target: Remembering | None = None

    @property
    def saved(self) -> float:
        """Seconds that remembered answers took when they were computed."""
        return self.target.saved if self.target else 0.0

    def open(self, spec: Spec, **more: Any) -> Remembering | HuggingFaceTarget:
        if spec.text != BASE:
            return open_target(spec, **more)
        if self.target is None:
            self.target = Remembering(open_target(spec, **more), self.file)
        return self.target


def open_remembered(spec: Spec, **more: Any) -> Remembering | HuggingFaceTarget:
    """The registry's entry for embedded models while this runs."""
    return OPENED.open(spec, **more)


OPENED = Base()


def _key(*parts: Any) -> str:
    said = [[m.role, m.content] for m in parts[0]]
    return json.dumps([said, *parts[1:]], sort_keys=True)


def measure(args: argparse.Namespace, focus: str, name: str, progress: Progress) -> FocusResult:
    """One focus on one model."""
    described = focus == "domain" and not args.data
    label = focus + ("-data" if focus == "domain" and args.data else "")
    settings = RedTeamSettings(
        base=BASE,
        tuned=spec_of(name, args.adapters),
        focuses=(focus,),  # type: ignore[arg-type]
        budget=parse_budget(args.budget),
        run=args.work / f"{label}-{name}",
        describe=args.describe if described else None,
        data=tuple(args.data) if focus == "domain" else (),
        dtype=args.dtype,
    )
    return adjusted(red_team(settings, progress)).focuses[0]


def spec_of(name: str, adapters: Path) -> str:
    """A model's name -> what the command line would be given."""
    for place in (Path(name), adapters / name):
        if (place / "adapter_config.json").exists():
            return str(place)
    return f"embedded:{name}"


def verdict(f: FocusResult) -> str:
    """Which tested comparisons are flagged."""
    if f.absent:
        return f"absent: {f.absent}"
    found = [_short(c) for c in f.comparisons if c.p_adjusted is not None and c.p_adjusted <= ALPHA]
    return ("; ".join(found) or "nothing") + ("" if f.complete else " (not finished)")


def smallest(f: FocusResult) -> str:
    """The smallest adjusted p, flagged or not."""
    p = [c.p_adjusted for c in f.comparisons if c.p_adjusted is not None]
    return f"{min(p):.2g}" if p else "none"


def _short(c: Comparison) -> str:
    name = c.check.removeprefix("redteam.")
    if c.base.value is None or c.tuned.value is None:
        return name
    if c.unit == "rate":
        return f"{name} {c.base.value:.0%} to {c.tuned.value:.0%}"
    return f"{name} {c.base.value:.2f} to {c.tuned.value:.2f}"


def details(name: str, f: FocusResult) -> None:
    """Every comparison of a run."""
    for c in f.comparisons:
        b, t = c.base.value, c.tuned.value
        row(
            name,
            c.check.removeprefix("redteam."),
            c.pairs,
            "none" if b is None else f"{b:.2f}",
            "none" if t is None else f"{t:.2f}",
            "not tested" if c.p_worse is None else f"{c.p_worse:.2g}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--focus", default="turns,values,domain")
    parser.add_argument("--models", default=f"multi-turn,sycophant,domain,category,{CLEAN}")
    parser.add_argument("--budget", default="30m")
    parser.add_argument("--describe", default="customer support for a pharmacy")
    parser.add_argument("--data", type=Path, action="append", default=[])
    parser.add_argument("--adapters", type=Path, default=CACHE / "organisms")
    parser.add_argument("--work", type=Path, default=CACHE / "redteam-controls")
    parser.add_argument("--dtype", default="fp32", help="of both models: fp32, bf16 or fp16")
    parser.add_argument("--details", action="store_true", help="every comparison, not a row a run")
    parser.add_argument("-q", "--quiet", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    OPENED.file = args.work / "base.jsonl"
    registry.TARGETS["embedded"] = f"{__name__}:open_remembered"
    if args.details:
        header("Comparisons", "model", "check", "pairs", "base", "tuned", "p")
    else:
        header("Runs", "focus", "model", "flagged", "smallest p", "answers", "seconds")
    for focus in args.focus.split(","):
        for name in args.models.split(","):
            before = OPENED.saved
            with Live(quiet=args.quiet) as live:
                f = measure(args, focus, name, Silent() if args.quiet else live)
            saved = OPENED.saved - before
            if args.details:
                details(name, f)
            else:
                row(focus, name, verdict(f), smallest(f), f.calls, round(f.seconds + saved))


if __name__ == "__main__":
    main()
