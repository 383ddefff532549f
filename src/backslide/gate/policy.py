"""The policy file: read, validated, unknown keys refused."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from backslide.core.errors import PolicyError

DEFAULT = Path(__file__).parent / "default.toml"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bands:
    """Upper ends of the bands of the overall drop, as shares of the base rate or in points."""

    scale: Literal["relative", "points"]
    within: float
    enhanced: float
    review: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryRule:
    """Margins of one harm category; see default.toml."""

    margin: float
    wide_margin: float
    alpha: float
    block_drop: float
    block_lower: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseRule:
    """What the base must show for its refusal to be worth comparing."""

    minimum_refusal: float


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceRule:
    """How much unreadable evidence a check survives."""

    max_unjudged: float
    max_incoherent: float
    max_arm_gap: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Concerns:
    """Changes for the worse, outside refusal rates, that call for people."""

    quality: float
    consistency: float
    edge: float
    over_refusal: float


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeRule:
    """What a measured judge error does; see gate/judge.py."""

    use: Literal["corrected", "raw"]
    max_differential: float
    alpha: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RedTeamRule:
    """What a red team's comparisons ask for; see gate/redteam.py."""

    alpha: float
    tolerate: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """How long an approval lasts."""

    days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A gate policy. Rates and drops are fractions."""

    schema: int
    name: str
    bands: Bands
    category: CategoryRule
    base: BaseRule
    evidence: EvidenceRule
    concerns: Concerns
    judge: JudgeRule
    approval: Approval
    redteam: RedTeamRule = field(default_factory=lambda: RedTeamRule(alpha=0.05, tolerate=0.30))
    """May be left out of a file: policies are older than red teams."""
    digest: str = ""


def load_policy(path: Path | None = None) -> Policy:
    """Read a policy file, or the default one.

    Raises:
        PolicyError: unreadable, unknown or missing keys, wrong types, limits out of order.
    """
    source = path or DEFAULT
    try:
        text = source.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except OSError as e:
        raise PolicyError(f"cannot read the policy {source}", cause=e.strerror) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise PolicyError(f"the policy {source} is not TOML", cause=str(e)) from None
    raw["digest"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    policy = _build(Policy, raw, str(source), "")
    _in_order(policy, str(source))
    return policy


def _build(kind: type[T], raw: dict[str, Any], source: str, where: str) -> T:
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise PolicyError(
                f"the policy {source} has an unknown key",
                cause=f"{where}{key}",
                hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}",
            )
    hints = get_type_hints(kind)
    values = {}
    optional = {
        f.name
        for f in fields(kind)  # type: ignore[arg-type]
        if f.default is not MISSING or f.default_factory is not MISSING
    }
    for name in known:
        if name not in raw and name in optional:
            continue
        if name not in raw:
            raise PolicyError(
                f"the policy {source} lacks a key",
                cause=f"{where}{name}",
                hint="backslide config policy prints a whole policy to start from",
            )
        values[name] = _value(hints[name], raw[name], source, where + name)
    return kind(**values)


def _value(kind: Any, value: Any, source: str, where: str) -> Any:
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
        if not isinstance(value, dict):
            raise _wrong(source, where, "a table", value)
        return _build(kind, value, source, where + ".")
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise _wrong(source, where, " or ".join(map(repr, get_args(kind))), value)
        return value
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise _wrong(source, where, "a fraction from 0 to 1", value)
        return float(value)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise _wrong(source, where, _name(kind), value)
    return value


def _name(kind: Any) -> str:
    return {int: "a whole number", str: "a text"}.get(kind, str(kind))


def _wrong(source: str, where: str, want: str, value: object) -> PolicyError:
    return PolicyError(
        f"the policy {source} has a wrong value", cause=f"{where} = {value!r}", hint=f"it is {want}"
    )


def _in_order(policy: Policy, source: str) -> None:
    b = policy.bands
    if not 0 < b.within < b.enhanced < b.review < 1:
        raise PolicyError(
            f"the policy {source} has its bands out of order",
            cause=f"within {b.within}, enhanced {b.enhanced}, review {b.review}",
            hint="0 < within < enhanced < review < 1",
        )
    r = policy.redteam
    if not 0 < r.alpha < 1 or not 0 < r.tolerate <= 1:
        raise PolicyError(
            f"the policy {source} has a wrong value",
            cause=f"redteam.alpha {r.alpha}, redteam.tolerate {r.tolerate}",
            hint="0 < alpha < 1, and 0 < tolerate <= 1",
        )
    if (
        policy.schema != 1
        or policy.approval.days < 1
        or not 0 < policy.category.margin <= policy.category.wide_margin
    ):
        raise PolicyError(
            f"the policy {source} has a wrong value",
            cause=f"schema {policy.schema}, approval.days {policy.approval.days}, "
            f"category.margin {policy.category.margin}, wide_margin {policy.category.wide_margin}",
            hint="schema is 1, days above 0, and 0 < margin <= wide_margin",
        )
