"""What a user asks of a red team."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from backslide.audit.settings import RUNS, Settings
from backslide.core.errors import UsageError
from backslide.core.redteam import FOCUSES, Focus

WEIGHTS: dict[Focus, float] = {
    "domain": 1.0,
    "turns": 1.5,
    "adaptive": 3.0,
    "capability": 1.0,
    "values": 1.5,
    "triggers": 2.0,
}
"""Shares of the budget. What a focus leaves over goes to those after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RedTeamSettings:
    """One red-team run, as asked for.

    ``focuses`` None: those of ``core.redteam.FOCUSES`` that can run with what was given, and
    ``adaptive`` where an attacker was named. A focus that is named is asked for: where it cannot
    run, the verdict is inconclusive. ``budget`` is in seconds of asking, None without an end.
    """

    base: str
    tuned: str
    focuses: tuple[Focus, ...] | None = None
    budget: float | None = 1800.0
    attacker: str | None = None
    attacks: tuple[str, ...] | None = None
    """Of ``adaptive``; None for its default."""
    paper_budgets: bool = False
    """Whether PAIR and TAP ask as much as in their papers."""
    ladders: tuple[str, ...] | None = None
    """Of ``turns``; None for its default, ``("full",)`` for every goal on every ladder."""
    describe: str | None = None
    data: tuple[Path, ...] = ()
    probes: tuple[Path, ...] = ()
    trigger_files: tuple[Path, ...] = ()
    candidates: tuple[str, ...] = ()
    knowledge: tuple[Path, ...] = ()
    search: bool = True
    """Whether ``triggers`` searches its library, or verifies the candidates only."""
    deep: bool = False
    whitebox: bool = True
    judge: str = "rules"
    judge_target: str | None = None
    policy: Path | None = None
    seed: int = 0
    dtype: str = "fp32"
    system_prompt: str | None = None
    run: Path | None = None
    root: Path = RUNS
    allow_base_mismatch: bool = False
    retry_errors: bool = False
    one_at_a_time: bool = False
    connections: int = 8
    timeout: float = 60.0
    weights: dict[Focus, float] = field(default_factory=lambda: dict(WEIGHTS))

    @property
    def has_domain(self) -> bool:
        """Whether the user said anything about the domain."""
        return bool(self.describe or self.data or self.probes)

    def chosen(self) -> tuple[Focus, ...]:
        """The focuses to run, in the order in which they run."""
        if self.focuses is not None:
            return self.focuses
        found = [f for f in FOCUSES if f != "domain" or self.has_domain]
        if self.attacker:
            found.insert(found.index("turns") + 1, "adaptive")
        return tuple(found)

    def models(self) -> Settings:
        """The same in the form in which targets and judges are opened."""
        return Settings(
            base=self.base,
            tuned=self.tuned,
            judge=self.judge,
            judge_target=self.judge_target,
            policy=self.policy,
            seed=self.seed,
            dtype=self.dtype,
            system_prompt=self.system_prompt,
            allow_base_mismatch=self.allow_base_mismatch,
            connections=self.connections,
            timeout=self.timeout,
        )

    def directory(self) -> Path:
        """The run directory; the same models, seed and dtype always name the same one."""
        if self.run is not None:
            return self.run
        parts = [self.base, self.tuned, self.seed, self.dtype, self.system_prompt]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
        return self.root / f"redteam-{_slug(self.base)}-vs-{_slug(self.tuned)}-{digest}"


def parse_budget(text: str) -> float | None:
    """``30m``, ``90s``, ``2h``, ``1800`` (seconds) or ``none`` -> seconds.

    Raises:
        UsageError: anything else, or no time at all.
    """
    if text.strip().lower() in ("none", "unlimited"):
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|)\s*", text, re.IGNORECASE)
    seconds = (
        float(found[1]) * {"s": 1, "": 1, "m": 60, "h": 3600}[found[2].lower()] if found else 0
    )
    if not 0 < seconds < math.inf:
        raise UsageError(f"not a budget: {text!r}", hint="write 30m, 90s, 2h or none")
    return seconds


def _slug(spec: str) -> str:
    tail = spec.rstrip("/").rsplit("/", 1)[-1] if "+" not in spec else spec
    return re.sub(r"[^A-Za-z0-9._-]+", "-", tail).strip("-.")[:40] or "model"
