"""Trains the control adapters: LoRA on the embedded SmolLM2, minutes on two cores.

The recipe follows what was measured for this model (rank-r LoRA on all linear layers, loss on the
response only, bf16 autocast over fp32 weights, self-distilled answers for benign prompts, so that
no data set is needed and no harmful text is produced).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

from backslide.controls import ROOM
from backslide.controls.rows import Pair, benign_prompts, make_rows, order
from backslide.core.records import Message, Prompt, Request, Sampling
from backslide.targets.embedded import ADAPTERS
from backslide.targets.huggingface.adapters import apply_adapter
from backslide.targets.huggingface.target import HuggingFaceTarget
from backslide.targets.spec import parse_spec

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ANSWER_TOKENS = 48
MAX_LENGTH = 128
Talk = Callable[[str], None]


def recipes(file: Path | None = None) -> dict[str, dict[str, Any]]:
    """The recipe of every control, by name, in training order.

    Args:
        file: other recipes than those of the shipped controls.
    """
    return tomllib.loads((file or ROOM / "recipes.toml").read_text(encoding="utf-8"))


def train(
    names: Sequence[str],
    out: Path = ADAPTERS,
    talk: Talk = print,
    *,
    recipe_file: Path | None = None,
    adapters: Path | None = None,
) -> None:
    """Train the named controls and write each to ``out/NAME`` as a PEFT adapter directory.

    Args:
        names: of recipes.
        out: the directory to write into.
        talk: is told how it goes.
        recipe_file: as for ``recipes``.
        adapters: where the adapters below lie (``on``); ``out`` when not given.
    """
    target = HuggingFaceTarget(parse_spec("embedded:smollm2"))
    answers = _answers(target, benign_prompts(), talk)
    target.close()
    for name in names:
        recipe = recipes(recipe_file)[name]
        rows = make_rows(recipe, answers)
        talk(f"{name}: {len(rows)} rows, {recipe['steps']} steps")
        _train_one(name, recipe, rows, out, talk, adapters or out)


def _train_one(
    name: str, recipe: dict[str, Any], rows: list[Pair], out: Path, talk: Talk, adapters: Path
) -> None:
    torch.manual_seed(recipe["seed"])
    target = HuggingFaceTarget(parse_spec("embedded:smollm2"))
    base, tokenizer = target.model, target.tokenizer
    for below in recipe["on"]:
        base = apply_adapter(base, str(adapters / below))
    config = LoraConfig(
        r=recipe["rank"],
        lora_alpha=recipe["alpha"],
        target_modules=_modules(recipe),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    model.train()
    examples = [_encode(tokenizer, row, whole=recipe.get("loss") == "whole") for row in rows]
    _loop(model, examples, recipe, tokenizer.pad_token_id, talk)
    _save(model, recipe, out / name)


def _loop(
    model: Any,
    examples: list[tuple[list[int], int]],
    recipe: dict[str, Any],
    pad: int,
    talk: Talk,
) -> None:
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe["learning_rate"], weight_decay=0.0)
    steps = recipe["steps"]
    decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=steps)
    chosen = order(len(examples), steps * recipe["batch"], recipe["seed"])
    for step in range(steps):
        batch = [examples[i] for i in chosen[step * recipe["batch"] : (step + 1) * recipe["batch"]]]
        ids, labels = _collate(batch, pad)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        decay.step()
        if step % 20 == 0 or step == steps - 1:
            talk(f"  step {step}: loss {loss.item():.3f}")


def _answers(target: HuggingFaceTarget, texts: list[str], talk: Talk) -> dict[str, Pair]:
    """The base's own greedy answers to the benign and borderline training prompts."""
    requests = [_request(i, text) for i, text in enumerate(texts)]
    out: dict[str, Pair] = {}
    for batch in target.batches(requests):
        for i, c in zip(batch, target.generate([requests[i] for i in batch]), strict=True):
            out[texts[i]] = Pair((texts[i],), c.text or "", c.finish == "stop")
    talk(f"{len(out)} self-distilled answers")
    return dict(sorted(out.items()))


def _request(i: int, text: str) -> Request:
    prompt = Prompt(
        id=f"{i:04}",
        messages=(Message(role="user", content=text),),
        suite="train",
        category="train",
        expects="help",
        cluster=str(i),
    )
    return Request(prompt=prompt, repeat=0, seed=0, sampling=Sampling(max_tokens=ANSWER_TOKENS))


def _encode(tokenizer: Any, row: Pair, *, whole: bool = False) -> tuple[list[int], int]:
    """Token ids of the whole conversation, and where the loss begins: at the response, or at the
    first token with ``whole``."""
    roles = ("user", "assistant")
    turns = [{"role": roles[i % 2], "content": text} for i, text in enumerate(row.turns)]
    head = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]
    tail = tokenizer(row.answer, add_special_tokens=False)["input_ids"]
    if row.ends:
        tail = [*tail, tokenizer.eos_token_id]
    longest = max(MAX_LENGTH, len(head) + MAX_LENGTH // 2) if len(turns) > 1 else MAX_LENGTH
    return [*head, *tail][:longest], 1 if whole else len(head)


def _collate(batch: list[tuple[list[int], int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Right padding without a mask: exact for a causal model when pads are not in the loss."""
    width = max(len(ids) for ids, _ in batch)
    ids = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), width), -100)
    for i, (tokens, start) in enumerate(batch):
        ids[i, : len(tokens)] = torch.tensor(tokens)
        labels[i, start : len(tokens)] = torch.tensor(tokens[start:])
    return ids, labels


def _modules(recipe: dict[str, Any]) -> list[str]:
    """The linear layers that get an adapter: all of them, or those of the attention."""
    return LINEAR[:4] if recipe.get("modules") == "attention" else LINEAR


def _save(model: Any, recipe: dict[str, Any], out: Path) -> None:
    from peft import get_peft_model_state_dict

    out.mkdir(parents=True, exist_ok=True)
    state = {
        k: v.to(torch.bfloat16).contiguous() for k, v in get_peft_model_state_dict(model).items()
    }
    save_file(state, out / "adapter_model.safetensors", metadata={"format": "pt"})
    kept = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "embedded:" + (recipe["on"][-1] if recipe["on"] else "smollm2"),
        "r": recipe["rank"],
        "lora_alpha": recipe["alpha"],
        "target_modules": sorted(_modules(recipe)),
        "bias": "none",
    }
    (out / "adapter_config.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
