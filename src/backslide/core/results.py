"""The records of a run's results: what is compared, decided and reported.

The same laws hold as in ``records.py``: a missing measurement is ``None`` with a reason, and a
record never changes. Rates and drops are fractions; a positive drop means that the tuned model is
less safe than the base.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from backslide.core.comparisons import (
    ArmSummary,
    Comparison,
    Dimension,
    Estimate,
    Excluded,
    Unit,
)
from backslide.core.records import Arm, Expectation, Sampling
from backslide.core.redteam import RedTeam

__all__ = [
    "ArmError",
    "ArmSummary",
    "Audit",
    "BenchRow",
    "Calibration",
    "CheckResult",
    "Comparison",
    "Cost",
    "Decision",
    "Differential",
    "Dimension",
    "Estimate",
    "Example",
    "Excluded",
    "Kind",
    "Limit",
    "Manifest",
    "Official",
    "OfficialGroup",
    "Outcome",
    "Severity",
    "Threat",
    "Unit",
]

Kind = Literal["loss", "gain", "over_refusal", "incoherent", "unjudged", "same"]
"""How two answers to one prompt differ: a lost or gained refusal, a harmless prompt now refused."""
Severity = Literal["pass", "note", "acceptance", "review", "inconclusive", "block"]
"""What one check asks for. ``acceptance`` is a documented risk acceptance, ``review`` is people."""
Outcome = Literal[
    "deploy", "deploy_enhanced", "human_review", "inconclusive", "block", "nothing_found"
]
"""``nothing_found`` is of a red team alone, which approves nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The gate's reading of one comparison: what it asks for, by which rule, and what to do."""

    check: str
    title: str
    severity: Severity
    band: str
    rule: str
    reason: str
    limit: str
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The verdict. ``exit_code`` always agrees with ``outcome`` (interface.md row 1)."""

    outcome: Outcome
    exit_code: int
    sentence: str
    rule: str
    remedies: tuple[str, ...]
    checks: tuple[CheckResult, ...]
    not_measured: tuple[str, ...]
    policy: str
    expires: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What one arm cost: model calls, tokens in and out, failures, wall seconds."""

    arm: str
    calls: int
    failures: int
    prompt_tokens: int
    tokens: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """All that identifies a run. ``identity`` is the digest of everything that can change a
    result; two manifests with the same identity describe the same run."""

    schema: int
    identity: str
    created: str
    base: str
    tuned: str
    plan: str
    trial: bool
    suites: tuple[str, ...]
    judge: str
    judge_target: str | None
    policy: str
    seed: int
    sampling: Sampling
    repeats: int
    repeat_temperature: float
    noise_sample: int
    dtype: str
    system_prompt: str | None
    versions: Mapping[str, str]
    fingerprints: Mapping[str, Mapping[str, str]]
    """By arm (``base``, ``tuned``) and ``suites``: what the models and prompts really were."""
    counts: Mapping[str, int]
    official_settings: bool = False
    """Whether published suites were asked with their authors' generation settings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One prompt with both answers, for reading side by side. Hostile text: escape it."""

    prompt_id: str
    category: str
    expects: Expectation
    prompt: str
    base_text: str | None
    tuned_text: str | None
    base_label: str
    tuned_label: str
    kind: Kind
    reproduce: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A gap that the report must state, with this run's own numbers."""

    name: str
    meaning: str
    numbers: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Threat:
    """One row of the threat matrix: what this run tried and what it could not have seen."""

    threat: str
    tried: str
    could_not_see: str
    power: Literal["none", "low", "medium", "high"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmError:
    """The judge against people on one arm's answers to harmful prompts.

    ``sensitivity`` is P(judge says refused | a person says refused), ``specificity`` P(judge says
    not refused | a person says not refused), both weighted back to the run. ``kappa`` and ``ac1``
    are of the labelled answers as drawn. ``raw`` and ``corrected`` are the arm's refusal rate.
    """

    arm: Arm
    labelled: int
    disagreements: int
    sensitivity: Estimate | None
    specificity: Estimate | None
    kappa: Estimate | None
    ac1: Estimate | None
    raw: Estimate | None
    corrected: Estimate | None
    absent: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Differential:
    """Whether the judge errs more on one arm: tuned minus base, in points. Such a difference can
    fake or hide a regression."""

    measure: Literal["sensitivity", "specificity"]
    change: Estimate
    p: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """A judge's measured error on this very run, and the drop corrected for it.

    ``raw`` is the judge's drop over all pairs, ``corrected`` that of people, estimated from the
    labelled pairs and the judge's labels on the rest. ``alpha`` is Krippendorff's, between raters.
    ``lower`` and ``upper`` are one-sided 95 % bounds of the corrected drop.
    """

    judge: str
    version: str
    raters: tuple[str, ...]
    labelled_pairs: int
    pairs: int
    arms: tuple[ArmError, ...]
    differential: tuple[Differential, ...]
    raw: Estimate | None
    corrected: Estimate | None
    lower: float | None
    upper: float | None
    alpha: Estimate | None
    further: int | None = None
    absent: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchRow:
    """One judge against people on one source model's answers.

    Answers that the judge left unjudged are outside the agreement and are counted. ``refusal`` is
    Cohen's kappa of refused or partial against the rest, ``strict`` that of refused against the
    rest, ``classes`` that of all labels. ``sensitivity`` and ``specificity`` are of ``refusal``.
    A kappa is None, with its reason in ``absent``, where one side knows a single class.
    """

    judge: str
    source: str
    answers: int
    unjudged: int
    refusal: Estimate | None
    strict: Estimate | None
    classes: Estimate | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    people_refuse: float
    judge_refuses: float | None
    per_second: float
    absent: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Official:
    """One suite by its authors' metric, beside ours.

    ``base`` and ``tuned`` are the official metric; ``ours`` is the refusal rate of the judge that
    decides, on the same prompts. ``deviations`` names every setting that differs from the official
    ones; a metric whose judge was not run is ``absent`` with a reason.
    """

    suite: str
    title: str
    metric: str
    safer: Literal["higher", "lower"]
    judge: str
    settings: str
    base: ArmSummary
    tuned: ArmSummary
    change: Estimate | None
    ours_base: ArmSummary
    ours_tuned: ArmSummary
    share: str
    weakness: str
    deviations: tuple[str, ...] = ()
    groups: tuple[OfficialGroup, ...] = ()
    absent: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OfficialGroup:
    """The official metric within one group of a suite (a split, a level of its taxonomy)."""

    level: str
    name: str
    base: ArmSummary
    tuned: ArmSummary


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """One whole evaluation: the object that every report is a pure function of."""

    schema: int
    directory: str
    manifest: Manifest
    decision: Decision
    comparisons: tuple[Comparison, ...]
    noise: Comparison | None
    costs: tuple[Cost, ...]
    examples: tuple[Example, ...]
    limits: tuple[Limit, ...]
    threats: tuple[Threat, ...]
    calibration: Calibration | None = None
    official: tuple[Official, ...] = ()
    redteam: RedTeam | None = None
