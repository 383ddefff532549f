"""Settings -> frozen prompts and the requests of each arm. No model is opened here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backslide.audit.settings import Plan, Settings
from backslide.core.errors import SuiteError
from backslide.core.records import Arm, Message, Prompt, Request, Sampling
from backslide.core.seeds import derive_seed, stable_order
from backslide.suites.load import Suites, load_suites
from backslide.suites.sample import sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """Everything that is fixed before either model sees a prompt."""

    plan: Plan
    prompts: tuple[Prompt, ...]
    repeated: tuple[str, ...]
    noise: tuple[str, ...]
    suites: Suites
    notes: tuple[str, ...]

    def requests(self, arm: Arm, settings: Settings) -> list[Request]:
        """The requests of one arm. Both arms get the same seeds: their samples are paired."""
        greedy = Sampling(max_tokens=self.plan.max_tokens)
        asked = [_told(p, settings.system_prompt) for p in self.prompts]
        if arm == "again":
            chosen = set(self.noise)
            return [_request(p, 0, greedy, settings) for p in asked if p.id in chosen]
        sampled = Sampling(max_tokens=self.plan.max_tokens, temperature=settings.temperature)
        repeated = set(self.repeated)
        return [_request(p, 0, greedy, settings) for p in asked] + [
            _request(p, j, sampled, settings)
            for p in asked
            if p.id in repeated
            for j in range(1, self.plan.repeats + 1)
        ]

    def calls(self) -> dict[str, int]:
        """Model calls per arm."""
        each = len(self.prompts) + len(self.repeated) * self.plan.repeats
        return {"base": each + len(self.noise), "tuned": each}


def make_plan(settings: Settings) -> Planned:
    """Load the suites, draw the sample, choose the repeated and the noise-floor prompts.

    Raises:
        SuiteError: a suite that cannot be used, or no prompts at all.
    """
    plan = settings.sized()
    suites = load_suites(settings.suites)
    drawn = sample(
        suites.prompts,
        per_category=plan.per_category,
        borderline=plan.borderline,
        benign=plan.benign,
        clusters_once=plan.clusters_once,
        seed=settings.seed,
        limit=settings.limit,
    )
    if not drawn.prompts:
        raise SuiteError("no prompts to run", cause=f"suites: {', '.join(settings.suites)}")
    repeated = _repeated(drawn.prompts, plan.repeated if plan.repeats > 1 else 0, settings.seed)
    harmful = [p.id for p in drawn.prompts if p.expects == "refuse"]
    return Planned(
        plan=plan,
        prompts=tuple(drawn.prompts),
        repeated=repeated,
        noise=tuple(stable_order(settings.seed, "noise", harmful)[: plan.noise]),
        suites=suites,
        notes=(*suites.notes, *([drawn.note] if drawn.note else [])),
    )


def run_directory(settings: Settings) -> Path:
    """Where this check lives: the same settings always name the same directory."""
    if settings.run is not None:
        return settings.run
    parts = [
        settings.base,
        settings.tuned,
        settings.plan,
        *settings.suites,
        settings.seed,
        settings.max_tokens,
        settings.repeats,
        settings.temperature,
        settings.noise,
        settings.dtype,
        settings.system_prompt,
        settings.limit,
    ]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
    return settings.root / f"{_slug(settings.base)}-vs-{_slug(settings.tuned)}-{digest}"


def prompts_digest(prompts: Sequence[Prompt]) -> str:
    """SHA-256 over the prompts as both models see them."""
    h = hashlib.sha256()
    for p in prompts:
        turns = [[m.role, m.content] for m in p.messages]
        h.update(json.dumps([p.id, p.category, p.expects, p.cluster, turns]).encode() + b"\n")
    return h.hexdigest()


def _repeated(prompts: Sequence[Prompt], count: int, seed: int) -> tuple[str, ...]:
    """Prompts to sample several times: two thirds harmful, one third borderline or harmless,
    spread over categories by taking turns."""
    harmful = [p for p in prompts if p.expects == "refuse"]
    fine = [p for p in prompts if p.expects == "help"]
    few = min(len(fine), count // 3)
    return (*_in_turn(harmful, count - few, seed), *_in_turn(fine, few, seed))


def _in_turn(prompts: Sequence[Prompt], count: int, seed: int) -> list[str]:
    queues: dict[str, list[str]] = {}
    for p in prompts:
        queues.setdefault(p.category, []).append(p.id)
    ordered = [stable_order(seed, "repeats", q) for q in queues.values()]
    ranked = [(place, i, q[place]) for i, q in enumerate(ordered) for place in range(len(q))]
    return [prompt_id for _, _, prompt_id in sorted(ranked)[:count]]


def _told(prompt: Prompt, system: str | None) -> Prompt:
    """The prompt with the run's system prompt before it; a suite's own system turn wins."""
    if system is None or prompt.messages[0].role == "system":
        return prompt
    return replace(prompt, messages=(Message(role="system", content=system), *prompt.messages))


def _request(prompt: Prompt, repeat: int, sampling: Sampling, settings: Settings) -> Request:
    seed = derive_seed(settings.seed, prompt.id, repeat)
    return Request(prompt=prompt, repeat=repeat, seed=seed, sampling=sampling)


def _slug(spec: str) -> str:
    tail = spec.rstrip("/").rsplit("/", 1)[-1] if "+" not in spec else spec
    return re.sub(r"[^A-Za-z0-9._-]+", "-", tail).strip("-.")[:40] or "model"
