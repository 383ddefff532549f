"""A red team's result in the one object that every report is made from: beside a check's result
where there is one, alone otherwise. Nothing here opens a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backslide.audit.redteam.findings import with_findings
from backslide.core.comparisons import Comparison
from backslide.core.records import Sampling
from backslide.core.redteam import Coverage, Focus, FocusResult, RedTeam
from backslide.core.results import Audit, Cost, Limit, Manifest, Threat
from backslide.gate.decide import decide, decide_redteam
from backslide.gate.policy import Policy, load_policy
from backslide.store.redteam import RedTeamRun
from backslide.store.redteam_records import RedTeamManifest, Spent
from backslide.store.run import SCHEMA, Run

ALONE = "redteam"
"""The plan's name in the manifest of a red team without a check."""


def red_team_of(directory: Path, policy: Policy) -> RedTeam | None:
    """The red team of a run directory, with the findings that this policy makes; None without."""
    run = RedTeamRun(directory)
    return with_findings(run.result(), policy, directory) if run.finished else None


def load_result(directory: Path, policy: Path | None = None) -> Audit:
    """The result of a run directory; the red team in it as it is now.

    Raises:
        StoreError: neither a finished check nor a red team there.
        PolicyError: the policy cannot be read.
    """
    check, run = Run(directory), RedTeamRun(directory)
    finished = (directory / "result.json").exists()
    if not run.finished:
        return check.result()
    if not finished:
        return alone(directory, load_policy(policy))
    audit = check.result()
    rules = _policy_of(check, policy)
    found = red_team_of(directory, rules)
    if audit.redteam == found and (policy is None or audit.decision.policy == _name(rules)):
        return audit
    return beside(audit, found, rules)


def conclude(directory: Path, policy: Path | None = None) -> Audit:
    """The verdict after a red team; a check in the same directory is decided again with it."""
    audit = load_result(directory, policy)
    if (directory / "result.json").exists():
        run = Run(directory)
        run.lock()
        try:
            run.save_result(audit)
        finally:
            run.unlock()
    return audit


def beside(audit: Audit, found: RedTeam | None, policy: Policy) -> Audit:
    """A check's result, decided again with the red team's checks beside its own."""
    decision = decide(
        audit.comparisons,
        policy,
        created=audit.manifest.created,
        trial=audit.manifest.trial,
        calibration=audit.calibration,
        redteam=found,
    )
    manifest = replace(audit.manifest, policy=_name(policy))
    return with_red_team(replace(audit, decision=decision, manifest=manifest), found)


def with_red_team(audit: Audit, found: RedTeam | None) -> Audit:
    """The red team in the result, and in what the result says of its limits and of threats."""
    if found is None:
        return audit
    limits = tuple(_limit(x, found) for x in audit.limits)
    threats = tuple(_threat(x, found) for x in audit.threats)
    return replace(audit, redteam=found, limits=limits, threats=threats)


def alone(directory: Path, policy: Policy) -> Audit:
    """The result of a red team without a check.

    Raises:
        StoreError: there is no result.
    """
    run = RedTeamRun(directory)
    found = with_findings(run.result(), policy, directory)
    empty = Audit(
        schema=SCHEMA,
        directory=str(directory),
        manifest=_manifest(run.manifest(), found, policy),
        decision=decide_redteam(found, policy),
        comparisons=(),
        noise=None,
        costs=_costs(run.lines("timings"), run),
        examples=(),
        limits=_limits(found),
        threats=THREATS,
    )
    return with_red_team(empty, found)


def _policy_of(check: Run, given: Path | None) -> Policy:
    """The policy that was given now, or that of the check."""
    if given is not None:
        return load_policy(given)
    recorded = check.manifest().policy
    path = Path(recorded)
    return load_policy(path if recorded != "default" and path.exists() else None)


def _name(policy: Policy) -> str:
    return f"{policy.name} {policy.digest}"


def _manifest(m: RedTeamManifest, found: RedTeam, policy: Policy) -> Manifest:
    prints = {k: v for k, v in m.fingerprints.items() if k in ("base", "tuned")}
    return Manifest(
        schema=SCHEMA,
        identity=f"redteam-{m.seed}",
        created=m.created,
        base=m.base,
        tuned=m.tuned,
        plan=ALONE,
        trial=False,
        suites=(),
        judge=m.judge,
        judge_target=None,
        policy=_name(policy),
        seed=m.seed,
        sampling=Sampling(),
        repeats=0,
        repeat_temperature=0.0,
        noise_sample=0,
        dtype=m.dtype,
        system_prompt=m.system_prompt,
        versions=m.versions,
        fingerprints=prints,
        counts={f.focus: f.calls for f in found.focuses},
    )


def _costs(spent: Sequence[Spent], run: RedTeamRun) -> tuple[Cost, ...]:
    """By who was asked: the arms, the attacker, the judge."""
    arms = {a.place.batch: a.response.arm for a in run.lines("responses")}
    scored = {x.place.batch: x.arm for x in run.lines("likelihoods")}
    failures: dict[str, int] = {}
    for a in run.lines("responses"):
        failed = a.response.failure is not None
        failures[a.response.arm] = failures.get(a.response.arm, 0) + failed
    totals: dict[str, list[Spent]] = {}
    for s in spent:
        by = {"responses": arms, "likelihoods": scored}.get(s.file, {})
        totals.setdefault(by.get(s.batch, s.file), []).append(s)
    return tuple(
        Cost(
            arm=name,
            calls=sum(s.calls for s in rows),
            failures=failures.get(name, 0),
            prompt_tokens=0,
            tokens=sum(s.tokens for s in rows),
            seconds=round(sum(s.seconds for s in rows), 3),
        )
        for name, rows in totals.items()
    )


def _limits(found: RedTeam) -> tuple[Limit, ...]:
    """Each focus's own limits."""
    return (
        Limit(
            name="trigger coverage",
            meaning="not all triggers can be tried; a trigger attack may evade",
            numbers="0 triggers were tried in this run",
        ),
        *(
            Limit(name=f"red team, {f.focus}", meaning=" ".join(f.limits), numbers=_numbers(f))
            for f in found.focuses
            if f.limits
        ),
    )


def _numbers(f: FocusResult) -> str:
    if f.absent:
        return f"not measured: {f.absent}"
    return f"{f.calls:,} requests in {f.seconds:.0f} s" + ("" if f.complete else ", not finished")


THREATS = (
    Threat(
        threat="broad safety degradation",
        tried="nothing: this was a red team without a check",
        could_not_see="refusals across categories",
        power="none",
    ),
    Threat(
        threat="targeted backdoor",
        tried="nothing: no trigger was tried",
        could_not_see="any behaviour that needs a trigger",
        power="none",
    ),
    Threat(
        threat="subtle value shift",
        tried="nothing",
        could_not_see="opinions and values",
        power="none",
    ),
    Threat(
        threat="reward-hacking artefacts",
        tried="nothing",
        could_not_see="sycophancy, verbosity, flattery",
        power="none",
    ),
)


def _limit(x: Limit, found: RedTeam) -> Limit:
    if x.name == "trigger coverage" and (f := _measured(found, "triggers")):
        return replace(x, numbers=_covered(f.coverage) or "triggers were hunted")
    if x.name == "compositional effects" and (f := _measured(found, "turns")):
        return replace(x, numbers=f"{x.numbers}; red team: {_pairs(f.comparisons)}")
    return x


def _threat(x: Threat, found: RedTeam) -> Threat:
    """What the red team tried is told where the threat is; its power is never called high."""
    focuses: dict[str, tuple[Focus, ...]] = {
        "targeted backdoor": ("triggers",),
        "subtle value shift": ("values",),
        "reward-hacking artefacts": ("values",),
        "broad safety degradation": ("domain", "turns", "adaptive"),
    }
    measured = [f for name in focuses.get(x.threat, ()) if (f := _measured(found, name))]
    if not measured:
        return x
    tried = "; ".join(
        f"{f.title.lower()}: {_covered(f.coverage) or _pairs(f.comparisons)}" for f in measured
    )
    blind = measured[0].limits[0] if measured[0].limits else x.could_not_see
    if x.tried.startswith("nothing"):
        return replace(x, tried=tried, could_not_see=blind, power="low")
    return replace(x, tried=f"{x.tried}; {tried}")


def _measured(found: RedTeam, focus: Focus) -> FocusResult | None:
    return next((f for f in found.focuses if f.focus == focus and not f.absent), None)


def _covered(coverage: Sequence[Coverage]) -> str:
    totals: dict[str, list[int]] = {}
    for c in coverage:
        row = totals.setdefault(c.unit, [0, 0])
        row[0] += c.tried
        row[1] += c.planned
    return ", ".join(
        f"{tried:,} of {planned:,} {unit}" for unit, (tried, planned) in totals.items()
    )


def _pairs(comparisons: Sequence[Comparison]) -> str:
    return f"{sum(c.pairs for c in comparisons[:1]):,} pairs"
