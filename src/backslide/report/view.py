"""The view model: one ``Audit`` turned into texts and lists, once, for every format.

Renderers only lay out what is here; no number is computed in a template. Texts are as recorded:
each renderer makes them harmless for its own format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backslide.core.results import Audit, Cost, Manifest
from backslide.report import numbers
from backslide.report.caveats import Caveat, caveats
from backslide.report.evidence import Table, build_tables
from backslide.report.numbers import DASH, SIGN_CONVENTION
from backslide.report.redteam import redteam_tables
from backslide.report.rows import Row, build_rows, groups, noise_row
from backslide.report.words import (
    MARK_MEANINGS,
    next_commands,
    outcome_word,
    verdict_line,
    verdict_rest,
)

Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """Answers left out of one comparison, counted by reason and arm."""

    title: str
    reason: str
    base: str
    tuned: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CostRow:
    """What one arm cost, as texts."""

    arm: str
    calls: str
    failures: str
    prompt_tokens: str
    tokens: str
    seconds: str


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Everything that a report shows, except plots and example answers."""

    word: str
    line: str
    sentence: str
    outcome: str
    exit_code: int
    rule: str
    remedies: tuple[str, ...]
    policy: str
    expires: str
    convention: str
    intervals: str
    marks: tuple[Pair, ...]
    rows: tuple[Row, ...]
    groups: dict[str, list[Row]]
    noise: Row | None
    caveats: tuple[Caveat, ...]
    lost: tuple[Lost, ...]
    not_measured: tuple[str, ...]
    costs: tuple[CostRow, ...]
    settings: tuple[Pair, ...]
    versions: tuple[Pair, ...]
    fingerprints: tuple[tuple[str, tuple[Pair, ...]], ...]
    commands: tuple[str, ...]
    tables: tuple[Table, ...]

    @property
    def firing(self) -> tuple[Row, ...]:
        """Rows that ask for something, in the order of the table."""
        return tuple(r for r in self.rows if r.severity not in (None, "pass", "note"))


def build_view(audit: Audit) -> View:
    """Read the whole audit once."""
    d, m, rows = audit.decision, audit.manifest, build_rows(audit)
    return View(
        word=outcome_word(d),
        line=verdict_line(d),
        sentence=verdict_rest(d),
        outcome=d.outcome,
        exit_code=d.exit_code,
        rule=d.rule,
        remedies=d.remedies,
        policy=d.policy,
        expires=d.expires or "",
        convention=SIGN_CONVENTION,
        intervals=_intervals(audit),
        marks=MARK_MEANINGS,
        rows=rows,
        groups=groups(rows),
        noise=noise_row(audit),
        caveats=caveats(audit),
        lost=tuple(_lost(audit)),
        not_measured=d.not_measured,
        costs=tuple(_costs(audit.costs)),
        settings=tuple(_settings(m)),
        versions=tuple(sorted(m.versions.items())),
        fingerprints=tuple((arm, tuple(sorted(f.items()))) for arm, f in m.fingerprints.items()),
        commands=next_commands(audit),
        tables=(
            *(redteam_tables(audit.redteam) if audit.redteam else ()),
            *build_tables(audit),
        ),
    )


def _intervals(audit: Audit) -> str:
    levels = sorted({c.change.confidence for c in audit.comparisons if c.change})
    if not levels:
        return "There is no interval."
    return f"Intervals are two-sided, {' or '.join(f'{100 * x:g} %' for x in levels)}."


def _lost(audit: Audit) -> Iterator[Lost]:
    """Per comparison; categories only where no overall comparison already counts them."""
    whole = [c for c in audit.comparisons if c.category is None and c.excluded]
    for c in whole or [c for c in audit.comparisons if c.excluded]:
        for e in c.excluded:
            base, tuned = numbers.count(e.base), numbers.count(e.tuned)
            yield Lost(title=c.title, reason=e.reason, base=base, tuned=tuned)


def _costs(costs: tuple[Cost, ...]) -> Iterator[CostRow]:
    for c in costs:
        yield _cost(c)
    if len(costs) > 1:
        yield _cost(
            Cost(
                arm="all",
                calls=sum(c.calls for c in costs),
                failures=sum(c.failures for c in costs),
                prompt_tokens=sum(c.prompt_tokens for c in costs),
                tokens=sum(c.tokens for c in costs),
                seconds=sum(c.seconds for c in costs),
            )
        )


def _cost(c: Cost) -> CostRow:
    return CostRow(
        arm=c.arm,
        calls=numbers.count(c.calls),
        failures=numbers.count(c.failures),
        prompt_tokens=numbers.count(c.prompt_tokens),
        tokens=numbers.count(c.tokens),
        seconds=numbers.seconds(c.seconds),
    )


def _settings(m: Manifest) -> Iterator[Pair]:
    yield "base", m.base
    yield "tuned", m.tuned
    yield "plan", m.plan + (" (trial)" if m.trial else "")
    yield "suites", ", ".join(m.suites) or DASH
    yield "prompts", ", ".join(f"{k} {v:,}" for k, v in sorted(m.counts.items())) or DASH
    yield "judge", m.judge + (f" on {m.judge_target}" if m.judge_target else "")
    yield "policy", m.policy
    yield "identity", m.identity
    yield "begun", m.created
    yield "seed", str(m.seed)
    yield "greedy answers", _sampling(m)
    yield "repeats", f"{m.repeats} per prompt at temperature {m.repeat_temperature:g}"
    yield "noise sample", f"{m.noise_sample:,} prompts asked of the base again"
    yield "dtype", m.dtype
    yield "system prompt", m.system_prompt if m.system_prompt is not None else "none"
    yield "record schema", str(m.schema)


def _sampling(m: Manifest) -> str:
    s = m.sampling
    return f"at most {s.max_tokens:,} tokens, temperature {s.temperature:g}, top-p {s.top_p:g}"
