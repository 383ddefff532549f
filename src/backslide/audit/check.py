"""The pipeline: collect, judge, compare and gate, each readable and repeatable from the disk."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from backslide import __version__
from backslide.audit.assemble import assemble, with_policy
from backslide.audit.calibrating import calibrated
from backslide.audit.collect import Collector, work_for
from backslide.audit.judging import judge_run
from backslide.audit.official import official_results, offline_judges, readable
from backslide.audit.opening import open_arm, open_judge
from backslide.audit.planning import (
    Planned,
    first_sampling,
    make_plan,
    prompts_digest,
    run_directory,
)
from backslide.audit.progress import Progress, Silent
from backslide.audit.redteam.telling import load_result, red_team_of, with_red_team
from backslide.audit.settings import Settings, plan
from backslide.compare.compare import compare_all, latest
from backslide.compare.pairs import Verdicts
from backslide.compare.quality import noise_floor
from backslide.core.errors import StoreError
from backslide.core.protocols import Judge, Target
from backslide.core.records import Arm, Sampling
from backslide.core.results import Audit, Comparison, Manifest, Official
from backslide.gate.decide import decide
from backslide.gate.policy import load_policy
from backslide.store.arms import ArmCache
from backslide.store.run import SCHEMA, Run

VOLATILE = ("identity", "created", "judge", "judge_target", "policy")
"""What may differ between two manifests of the same answers."""


BASE_ARMS: tuple[Arm, ...] = ("base", "again")


def check(settings: Settings, progress: Progress | None = None) -> Audit:
    """Collect, judge, compare and gate; the whole job.

    Raises:
        BackslideError: any mistake or fault a person can act on.
    """
    talk = progress or Silent()
    load_policy(settings.policy)  # a wrong policy or judge is told before an hour of generation
    judge = open_judge(settings)
    run = collect(settings, talk)
    return finish(run, settings, judge, talk)


def finish(run: Run, settings: Settings, judge: Judge, progress: Progress) -> Audit:
    """Judge, compare and gate a collected run."""
    run.lock()
    try:
        run.repair()
        judge_run(run, judge, progress, retry=settings.retry_errors)
        for name in offline_judges(run.prompts(), judge.name):
            judge_run(run, open_judge(replace(settings, judge=name, judge_target=None)), progress)
        compare(run, judge)
        return gate(run, settings, judge)
    finally:
        run.unlock()


def collect(settings: Settings, progress: Progress) -> Run:
    """Get the answers of both arms into the run directory; goes on where it stopped."""
    planned = make_plan(settings)
    for note in planned.notes:
        progress.note(note)
    run = Run(run_directory(settings))
    run.lock()
    try:
        return _collect(run, settings, planned, progress)
    finally:
        run.unlock()


def _collect(run: Run, settings: Settings, planned: Planned, progress: Progress) -> Run:
    base = open_arm("base", settings)
    prints = {"base": base.fingerprint(), "tuned": _tuned_fingerprint(run, settings)}
    run.begin(make_manifest(settings, planned, prints), planned.prompts)
    run.repair()
    cache = ArmCache(settings.root / "arms") if settings.reuse else None
    collector = Collector(run, progress, cache)
    for arm in BASE_ARMS:
        collector.collect(work_for(arm, base, planned, settings), base)
    base.close()
    tuned = open_arm("tuned", settings)
    _unchanged(run, tuned)
    collector.collect(work_for("tuned", tuned, planned, settings), tuned)
    tuned.close()
    if settings.retry_errors:
        _retry(collector, run, settings, planned)
    return run


def _tuned_fingerprint(run: Run, settings: Settings) -> Mapping[str, str]:
    """A new run opens the tuned model before the base answers anything, so that a wrong adapter is
    told at once and not after the base's hour; a run that goes on trusts its manifest so long."""
    if run.exists:
        return run.manifest().fingerprints["tuned"]
    tuned = open_arm("tuned", settings)
    try:
        return tuned.fingerprint()
    finally:
        tuned.close()


def _unchanged(run: Run, tuned: Target) -> None:
    if dict(run.manifest().fingerprints["tuned"]) != dict(tuned.fingerprint()):
        raise StoreError(
            f"the model behind {tuned.spec} has changed since this run began",
            cause=f"its fingerprint is not the one in {run.directory}/manifest.json",
            hint="choose another place with --run",
        )


def _retry(collector: Collector, run: Run, settings: Settings, planned: Planned) -> None:
    """Ask again where the last answer was a failure; only an arm with failures is opened."""
    last = {r.key: r for r in run.responses().records}
    failed = {r.arm for r in last.values() if r.failure}
    for side, arms in (("base", BASE_ARMS), ("tuned", ("tuned",))):
        if not failed.intersection(arms):
            continue
        target = open_arm(side, settings)
        for arm in arms:
            collector.retry(arm, planned.requests(arm, settings), target)
        target.close()


def compare(run: Run, judge: Judge) -> tuple[Comparison, ...]:
    """Compare the arms by one judge's verdicts; replaces ``comparisons.jsonl``."""
    verdicts = latest(run.verdicts().records, judge.name, judge.version)
    if not verdicts:
        raise StoreError(
            f"no verdicts of the judge {judge.name} in {run.directory}",
            hint="backslide judge RUN",
        )
    prompts = readable(run.prompts(), judge.name)
    found = compare_all(prompts, verdicts, run.manifest().repeats)
    run.save_comparisons(found)
    return found


def gate(run: Run, settings: Settings, judge: Judge) -> Audit:
    """Decide by the policy; replaces ``decision.json`` and ``result.json``."""
    policy = load_policy(settings.policy)
    manifest = with_policy(
        run.manifest(),
        f"{policy.name} {policy.digest}",
        f"{judge.name} {judge.version}",
        settings.judge_target,
    )
    verdicts = latest(run.verdicts().records, judge.name, judge.version)
    comparisons = run.comparisons()
    people = calibrated(run, judge.name, judge.version, verdicts)
    found = red_team_of(run.directory, policy)
    decision = decide(
        comparisons,
        policy,
        created=manifest.created,
        trial=manifest.trial,
        calibration=people,
        redteam=found,
    )
    noise = noise_floor(readable(run.prompts(), judge.name), verdicts)
    audit = assemble(run, manifest, decision, comparisons, noise, verdicts, people)
    audit = replace(audit, official=_official(run, manifest, verdicts))
    audit = with_red_team(audit, found)
    run.save_result(audit)
    return audit


def _official(run: Run, manifest: Manifest, verdicts: Verdicts) -> tuple[Official, ...]:
    sized = replace(
        plan(manifest.plan),
        max_tokens=manifest.sampling.max_tokens,
        official=manifest.official_settings,
    )
    return official_results(
        run.prompts(),
        run.verdicts().records,
        verdicts,
        manifest,
        lambda suite: first_sampling(suite, sized),
    )


def make_manifest(
    settings: Settings, planned: Planned, fingerprints: Mapping[str, Mapping[str, str]]
) -> Manifest:
    """The manifest of a new run; its identity covers everything that can change an answer."""
    plan = planned.plan
    digest = {"prompts": prompts_digest(planned.prompts), **planned.suites.fingerprints}
    manifest = Manifest(
        schema=SCHEMA,
        identity="",
        created=_now(),
        base=settings.base,
        tuned=settings.tuned,
        plan=plan.name,
        trial=settings.limit is not None,
        suites=settings.suites,
        judge=settings.judge,
        judge_target=settings.judge_target,
        policy=str(settings.policy or "default"),
        seed=settings.seed,
        sampling=Sampling(max_tokens=plan.max_tokens),
        official_settings=plan.official,
        repeats=plan.repeats,
        repeat_temperature=settings.temperature,
        noise_sample=len(planned.noise),
        dtype=settings.dtype,
        system_prompt=settings.system_prompt,
        versions={"backslide": __version__, "python": sys.version.split()[0]},
        fingerprints={**fingerprints, "suites": digest},
        counts={
            "prompts": len(planned.prompts),
            "harmful": sum(p.expects == "refuse" for p in planned.prompts),
            "repeated": len(planned.repeated),
            **{f"calls.{arm}": n for arm, n in planned.calls().items()},
        },
    )
    return replace(manifest, identity=_identity(manifest))


def _identity(manifest: Manifest) -> str:
    fields = {k: getattr(manifest, k) for k in Manifest.__dataclass_fields__ if k not in VOLATILE}
    fields["sampling"] = str(manifest.sampling)
    fields.pop("versions")
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _now() -> str:
    """Seconds since the epoch from SOURCE_DATE_EPOCH where it is set (reproducible results)."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)
    return moment.replace(microsecond=0).isoformat()


def load_audit(directory: Path) -> Audit:
    """The result of a finished check or red team.

    Raises:
        StoreError: no finished run there.
    """
    return load_result(directory)
