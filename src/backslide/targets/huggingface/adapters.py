"""LoRA adapters, read as hostile files and merged into the base one after the other.

Merging in order is exact for every member of the LoRA family (plain, rank-stabilised, DoRA,
``modules_to_save``), where a weighted combination of adapters is not: PEFT's ``linear`` is not the
sum, and ``cat`` is silently wrong for rsLoRA and DoRA (measured: off by 0.24 and 0.13 in logits).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file

from backslide.core.errors import TargetError
from backslide.targets.huggingface.loading import quiet
from backslide.targets.spec import read_adapter_config

WEIGHTS = "adapter_model.safetensors"
# What a LoRA adapter needs to be applied. Everything else in the file (initialisation recipes that
# name other files to load, runtime settings, automatic class mappings) is left unread.
FIELDS = (
    "r lora_alpha target_modules exclude_modules rank_pattern alpha_pattern use_rslora use_dora "
    "lora_bias bias fan_in_fan_out modules_to_save layers_to_transform layers_pattern task_type "
    "trainable_token_indices target_parameters"
).split()


def apply_adapter(model: Any, adapter: str) -> Any:
    """Merge the adapter directory into ``model`` (in place) and return the plain model.

    Raises:
        TargetError: not a LoRA adapter, pickled or torn weights, shapes or names that do not fit
            the model, or weights that are not finite.
    """
    config = _config(adapter)
    state = _weights(adapter)
    try:
        with quiet():
            wrapped = get_peft_model(model, config)
            result = set_peft_model_state_dict(wrapped, state)
    except (ValueError, RuntimeError, KeyError, TypeError) as e:
        raise _mismatch(adapter, " ".join(str(e).split())[:300]) from None
    _all_used(adapter, state, result, wrapped)
    merged = wrapped.merge_and_unload()
    merged.requires_grad_(False)
    return merged.eval()


def _config(adapter: str) -> LoraConfig:
    raw = read_adapter_config(adapter)
    if raw.get("peft_type") != "LORA":
        raise TargetError(
            f"cannot use the adapter {adapter}",
            cause=f"its type is {raw.get('peft_type')!r}",
            hint="only the LoRA family can be applied; merge other adapters into a full model",
        )
    known = {f.name for f in dataclasses.fields(LoraConfig)}
    kept = {k: raw[k] for k in FIELDS if k in raw and k in known and raw[k] is not None}
    try:
        return LoraConfig(**kept, inference_mode=True)
    except (TypeError, ValueError) as e:
        raise TargetError(
            f"cannot use the adapter {adapter}", cause=f"adapter_config.json: {e}"
        ) from None


def _weights(adapter: str) -> dict[str, torch.Tensor]:
    path = Path(adapter) / WEIGHTS
    if not path.exists():
        others = [p.name for p in Path(adapter).glob("adapter_model.*")]
        raise TargetError(
            f"cannot use the adapter {adapter}",
            cause=f"no {WEIGHTS}" + (f", only {others[0]}" if others else ""),
            hint="pickled weights are never opened; save the adapter as safetensors",
        )
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as e:
        raise TargetError(f"cannot read the adapter {adapter}", cause=f"{WEIGHTS}: {e}") from None
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise TargetError(f"cannot use the adapter {adapter}", cause=f"{name} is not finite")
    return state


def _all_used(adapter: str, state: dict[str, torch.Tensor], result: Any, wrapped: Any) -> None:
    """PEFT loads what fits and is silent about the rest; an adapter half applied is no verdict."""
    unexpected = list(getattr(result, "unexpected_keys", []) or [])
    if unexpected:
        raise _mismatch(adapter, f"{len(unexpected)} tensors have no place, e.g. {unexpected[0]}")
    if not state:
        raise _mismatch(adapter, "it holds no tensors")
    missing = [k for k in getattr(result, "missing_keys", []) or [] if "lora_" in k]
    if missing:
        raise _mismatch(adapter, f"{len(missing)} tensors are missing, e.g. {missing[0]}")


def _mismatch(adapter: str, cause: str) -> TargetError:
    return TargetError(
        f"the adapter {adapter} does not fit this base",
        cause=cause,
        hint="give the base that it was trained on",
    )
