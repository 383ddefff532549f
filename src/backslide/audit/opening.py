"""Opens targets and judges by name."""

from __future__ import annotations

from backslide.audit.settings import Settings
from backslide.core.errors import UsageError
from backslide.core.protocols import Judge, Target
from backslide.registry import find
from backslide.targets.spec import Spec, parse_spec

LOCAL = ("model", "adapter", "gguf", "embedded")


def open_arm(arm: str, settings: Settings) -> Target:
    """Open the base or the tuned target.

    An adapter given as TUNED is put on BASE (its recorded base is checked against it); given as
    BASE it is put on its own recorded base.
    """
    base = parse_spec(settings.base)
    spec = base if arm == "base" else parse_spec(settings.tuned)
    under = base if arm == "tuned" and spec.kind == "adapter" and base.kind in LOCAL else None
    if under == spec:
        under = None
    return open_spec(spec, settings, under)


def open_spec(spec: Spec, settings: Settings, base: Spec | None = None) -> Target:
    """Open any target through the registry."""
    opener = find("targets", spec.kind)
    target: Target
    if spec.kind in LOCAL:
        target = opener(
            spec,
            base=base,
            dtype=settings.dtype,
            allow_base_mismatch=settings.allow_base_mismatch,
        )
    elif spec.kind == "remote":
        target = opener(spec.name, connections=settings.connections, timeout_s=settings.timeout)
    else:
        target = opener(spec.name)
    return target


def open_judge(settings: Settings) -> Judge:
    """Open the judge; one that asks a model is given its target.

    Raises:
        UsageError: a rubric judge without a model, or a model for a judge that needs none.
    """
    maker = find("judges", settings.judge)
    judge: Judge
    if settings.judge != "rubric":
        if settings.judge_target is not None:
            raise UsageError(
                f"the judge {settings.judge!r} asks no model",
                hint="--judge rubric --judge-model MODEL",
            )
        judge = maker()
        return judge
    if settings.judge_target is None:
        raise UsageError(
            "the rubric judge needs a model to ask",
            hint="--judge rubric --judge-model openai/... (or a local model)",
        )
    judge = maker(open_spec(parse_spec(settings.judge_target), settings))
    return judge
