"""What a user may write for BASE and TUNED, parsed without importing any model library.

==========================  =================================================================
``org/name``, ``hf:ID``     a Hugging Face id
``path/to/dir``             a model directory, or a PEFT adapter directory (detected)
``ADAPTER_A+ADAPTER_B``     a stack of adapters, applied in this order
``path/to/file.gguf``       a GGUF file
``embedded:NAME``           a small real model that comes with ``backslide[demo]``
``replay:FILE.jsonl``       answers collected elsewhere
``openai/...`` and so on    a provider that Inspect AI can reach (``inspect:ANY`` is explicit)
``openai/M@http://HOST/v1`` an OpenAI-compatible server by its base URL
==========================  =================================================================
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backslide.core.errors import TargetError

Kind = Literal["model", "adapter", "gguf", "embedded", "replay", "remote"]

PROVIDERS = frozenset(
    "openai anthropic azureai bedrock vertex groq together fireworks openrouter perplexity grok "
    "cloudflare goodfire sambanova ollama llama-cpp-python vllm sglang openai-api "
    "hf-inference-providers mistral deepseek".split()
)
"""First path parts that mean an Inspect provider. ``google`` is both a provider and a hub
organisation, so only ``google/gemini...`` counts; ``hf:`` and ``inspect:`` settle every doubt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """A parsed target. ``parts`` holds the adapter directories of an adapter or a stack."""

    text: str
    kind: Kind
    name: str
    parts: tuple[str, ...] = ()


def parse_spec(text: str) -> Spec:
    """Tell what kind of target ``text`` names.

    Raises:
        TargetError: empty text, a missing file, or a directory that holds no model.
    """
    if not text.strip():
        raise TargetError("no model named", hint="name a model, an adapter or a file")
    for prefix, kind in (("embedded:", "embedded"), ("replay:", "replay"), ("inspect:", "remote")):
        if text.startswith(prefix):
            return Spec(text=text, kind=kind, name=text.removeprefix(prefix))  # type: ignore[arg-type]
    if text.startswith("hf:"):
        return Spec(text=text, kind="model", name=text.removeprefix("hf:"))
    if "@http://" in text or "@https://" in text:
        return Spec(text=text, kind="remote", name=text)
    return _local(text) if Path(text).exists() else _named(text)


def _named(text: str) -> Spec:
    if "+" in text:
        return _stack(text)
    if _is_provider(text):
        return Spec(text=text, kind="remote", name=text)
    if _looks_like_path(text):
        raise TargetError(f"no such model: {text}", cause="the path does not exist")
    return Spec(text=text, kind="model", name=text)


def recorded_base(adapter: str) -> str | None:
    """The base that an adapter directory says it was trained on, or None if it says nothing."""
    config = read_adapter_config(adapter)
    base = config.get("base_model_name_or_path")
    return base if isinstance(base, str) and base else None


def read_adapter_config(adapter: str) -> dict[str, object]:
    """``adapter_config.json`` as a dict.

    Raises:
        TargetError: unreadable, or not a JSON object.
    """
    path = Path(adapter) / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as e:
        raise TargetError(
            f"cannot read the adapter {adapter}", cause=f"adapter_config.json: {e}"
        ) from None
    if not isinstance(config, dict):
        raise TargetError(
            f"cannot read the adapter {adapter}", cause="adapter_config.json is not a JSON object"
        )
    return config


def same_base(recorded: str, base: Spec, base_names: frozenset[str] = frozenset()) -> bool:
    """Whether a recorded base and BASE are the same by name: the whole name, the same resolved
    path, or the same last path part (``org/NAME`` against a local copy ``models/NAME``)."""
    names = {base.text, base.name, *base_names}
    if recorded in names:
        return True
    tails = {n.rstrip("/").rsplit("/", 1)[-1].removeprefix("hf:") for n in names}
    return recorded.rstrip("/").rsplit("/", 1)[-1] in tails


def _local(text: str) -> Spec:
    path = Path(text)
    if path.is_file():
        if path.suffix == ".gguf":
            return Spec(text=text, kind="gguf", name=text)
        raise TargetError(
            f"not a model: {text}",
            cause=f"a file ending in {path.suffix or 'nothing'}",
            hint="a directory, a .gguf file, or replay:FILE.jsonl for collected answers",
        )
    if (path / "adapter_config.json").exists():
        return Spec(text=text, kind="adapter", name=text, parts=(text,))
    if (path / "config.json").exists():
        return Spec(text=text, kind="model", name=text)
    raise TargetError(
        f"not a model directory: {text}",
        cause="it has neither config.json nor adapter_config.json",
    )


def _stack(text: str) -> Spec:
    parts = tuple(p.strip() for p in text.split("+"))
    for part in parts:
        if part.startswith("embedded:"):
            continue
        if not (Path(part) / "adapter_config.json").exists():
            raise TargetError(
                f"not an adapter: {part or '(empty)'}",
                cause=f"in the stack {text}",
                hint="a stack is ADAPTER_DIR+ADAPTER_DIR",
            )
    return Spec(text=text, kind="adapter", name=text, parts=parts)


def _is_provider(text: str) -> bool:
    head, _, tail = text.partition("/")
    return bool(tail) and (head in PROVIDERS or (head == "google" and tail.startswith("gemini")))


def _looks_like_path(text: str) -> bool:
    return (
        text.startswith((".", "/", "~")) or text.count("/") != 1 or text.endswith((".gguf", ".bin"))
    )
