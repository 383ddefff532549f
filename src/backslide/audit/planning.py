"""Settings -> frozen prompts and the requests of each arm. No model is opened here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backslide.audit.settings import Plan, Settings
from backslide.compare.pairs import TRAINED_ON
from backslide.core.errors import SuiteError
from backslide.core.records import Arm, Message, Prompt, Request, Sampling
from backslide.core.seeds import derive_seed, stable_order
from backslide.suites.contamination import contaminated
from backslide.suites.load import Suites, load_suites
from backslide.suites.published import for_chat, published
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
        asked = [told(for_chat(p), settings.system_prompt) for p in self.prompts]
        if arm == "again":
            chosen = set(self.noise)
            return [self._first(p, settings) for p in asked if p.id in chosen]
        repeated = set(self.repeated)
        return [self._first(p, settings) for p in asked] + [
            self._repeat(p, j, settings)
            for p in asked
            if p.id in repeated
            for j in range(1, self.plan.repeats + 1)
        ]

    def _first(self, prompt: Prompt, settings: Settings) -> Request:
        return _request(prompt, 0, first_sampling(prompt.suite, self.plan), settings)

    def _repeat(self, prompt: Prompt, repeat: int, settings: Settings) -> Request:
        first = first_sampling(prompt.suite, self.plan)
        sampling = replace(first, temperature=settings.temperature)
        return _request(prompt, repeat, sampling, settings)

    def calls(self) -> dict[str, int]:
        """Model calls per arm."""
        each = len(self.prompts) + len(self.repeated) * self.plan.repeats
        return {"base": each + len(self.noise), "tuned": each}


def make_plan(settings: Settings) -> Planned:
    """Load the suites, draw the sample, look for its prompts in the tuning data, choose the
    repeated and the noise-floor prompts.

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
        max_prompts=settings.max_prompts,
    )
    if not drawn.prompts:
        raise SuiteError("no prompts to run", cause=f"suites: {', '.join(settings.suites)}")
    prompts, found = _marked_trained_on(drawn.prompts, settings.tuning_data)
    repeated = _repeated(prompts, plan.repeated if plan.repeats > 1 else 0, settings.seed)
    harmful = [p.id for p in prompts if p.expects == "refuse"]
    return Planned(
        plan=plan,
        prompts=tuple(prompts),
        repeated=repeated,
        noise=tuple(stable_order(settings.seed, "noise", harmful)[: plan.noise]),
        suites=suites,
        notes=(*suites.notes, *([drawn.note] if drawn.note else []), *found),
    )


def first_sampling(suite: str, plan: Plan) -> Sampling:
    """How the first answer to a prompt is generated: greedy and as long as the plan allows, or as
    the authors of the suite do it where the plan says so and they state it."""
    known = published().get(suite)
    if known is None or not plan.official:
        return Sampling(max_tokens=plan.max_tokens)
    o = known.official
    return Sampling(
        max_tokens=o.max_tokens or plan.max_tokens,
        temperature=o.temperature or 0.0,
        top_p=1.0 if o.top_p is None else o.top_p,
    )


def _marked_trained_on(
    prompts: Sequence[Prompt], paths: Sequence[Path]
) -> tuple[list[Prompt], list[str]]:
    """Prompts that occur in the tuning data get the tag ``TRAINED_ON``, and a note counts them."""
    if not paths:
        return list(prompts), []
    found = contaminated(prompts, paths)
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(found.kinds().items())) or "none"
    note = (
        f"tuning data: {found.rows:,} rows read, {found.unreadable:,} of them unreadable; "
        f"{len(found.found)} of {len(prompts):,} prompts occur in it ({kinds})"
    )
    if found.found:
        note += "; they are reported apart"
    tagged = [
        replace(p, tags=(*p.tags, f"{TRAINED_ON}:{found.found[p.id].kind}"))
        if p.id in found.found
        else p
        for p in prompts
    ]
    return tagged, [note]


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
        *([settings.max_prompts] if settings.max_prompts else []),
        *map(str, settings.tuning_data),
    ]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
    return settings.root / f"{_slug(settings.base)}-vs-{_slug(settings.tuned)}-{digest}"


def prompts_digest(prompts: Sequence[Prompt]) -> str:
    """SHA-256 over the prompts as both models see them."""
    h = hashlib.sha256()
    for p in prompts:
        turns = [[m.role, m.content] for m in p.messages]
        seen = [t for t in p.tags if t.startswith(TRAINED_ON)]
        h.update(
            json.dumps([p.id, p.category, p.expects, p.cluster, turns, *seen]).encode() + b"\n"
        )
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


def told(prompt: Prompt, system: str | None) -> Prompt:
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
