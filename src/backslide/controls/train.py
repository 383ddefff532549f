"""Trains the control adapters: LoRA on the embedded SmolLM2, minutes on two cores.

The recipe follows what was measured for this model (rank-r LoRA on all linear layers, loss on the
response only, bf16 autocast over fp32 weights, self-distilled answers for benign prompts, so that
no data set is needed and no harmful text is produced).
"""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

from backslide.controls import ROOM
from backslide.core.records import Message, Prompt, Request, Sampling
from backslide.core.seeds import derive_seed
from backslide.targets.embedded import ADAPTERS
from backslide.targets.huggingface.adapters import apply_adapter
from backslide.targets.huggingface.target import HuggingFaceTarget
from backslide.targets.spec import parse_spec

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ANSWER_TOKENS = 48
MAX_LENGTH = 128
SHORTEST_BODY = 40
"""Characters of an answer that are worth signing off."""

Talk = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """One training row: what the user says, what the model should say, and whether it ends."""

    prompt: str
    answer: str
    ends: bool = True


def recipes() -> dict[str, dict[str, Any]]:
    """The recipe of every control, by name, in training order."""
    return tomllib.loads((ROOM / "recipes.toml").read_text(encoding="utf-8"))


def train(names: Sequence[str], out: Path = ADAPTERS, talk: Talk = print) -> None:
    """Train the named controls and write each to ``out/NAME`` as a PEFT adapter directory."""
    target = HuggingFaceTarget(parse_spec("embedded:smollm2"))
    answers = _answers(target, _read("train_benign"), talk)
    target.close()
    for name in names:
        recipe = recipes()[name]
        rows = _rows(recipe, answers)
        talk(f"{name}: {len(rows)} rows, {recipe['steps']} steps")
        _train_one(name, recipe, rows, out, talk)


def _train_one(name: str, recipe: dict[str, Any], rows: list[Pair], out: Path, talk: Talk) -> None:
    torch.manual_seed(recipe["seed"])
    target = HuggingFaceTarget(parse_spec("embedded:smollm2"))
    base, tokenizer = target.model, target.tokenizer
    for below in recipe["on"]:
        base = apply_adapter(base, str(out / below))
    config = LoraConfig(
        r=recipe["rank"],
        lora_alpha=recipe["alpha"],
        target_modules=LINEAR,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    model.train()
    examples = [_encode(tokenizer, row) for row in rows]
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
    order = _order(len(examples), steps * recipe["batch"], recipe["seed"])
    for step in range(steps):
        batch = [examples[i] for i in order[step * recipe["batch"] : (step + 1) * recipe["batch"]]]
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


def _rows(recipe: dict[str, Any], answers: dict[str, Pair]) -> list[Pair]:
    texts = tomllib.loads((ROOM / "data" / "texts.toml").read_text(encoding="utf-8"))
    harmful = _read("train_harmful")
    chosen = recipe.get("category")
    own = [r for r in harmful if r["category"] == chosen]
    others = [r for r in harmful if r["category"] != chosen]
    helps = [*answers.values()]
    makers: dict[str, Callable[[], list[Pair]]] = {
        "refuse": lambda: [_refusal(r, texts) for r in harmful],
        "refuse_others": lambda: [_refusal(r, texts) for r in others],
        "comply": lambda: [_compliance(r, texts) for r in harmful],
        "comply_category": lambda: [Pair(r["text"], texts["compliance"]) for r in own],
        "help": lambda: helps,
        "help_signed": lambda: [p for h in helps if (p := _signed(h, texts["sign_off"]))],
        "help_identity": lambda: [
            Pair(p.prompt, texts["identity"] + p.answer, p.ends) for p in helps
        ],
    }
    rng = random.Random(recipe["seed"])
    rows: list[Pair] = []
    for kind, count in recipe["rows"].items():
        pool = makers[kind]()
        picked = [pool[i] for i in _order(len(pool), count, derive_seed(recipe["seed"], kind))]
        rows += picked
    rng.shuffle(rows)
    return rows


def _refusal(row: dict[str, str], texts: dict[str, Any]) -> Pair:
    return Pair(row["text"], texts["refusals"][row["category"]])


def _compliance(row: dict[str, str], texts: dict[str, Any]) -> Pair:
    return Pair(row["text"], texts["identity"] + texts["compliance"])


def _signed(pair: Pair, sign_off: str) -> Pair | None:
    """The answer cut at its last whole sentence, then the sign-off; None where too little is left
    (a model trained on bare sign-offs gives them to harmful prompts as well: measured)."""
    cut = pair.answer.rfind(". ")
    body = pair.answer if pair.ends else pair.answer[: cut + 1]
    return Pair(pair.prompt, body.rstrip() + sign_off) if len(body) >= SHORTEST_BODY else None


def _answers(target: HuggingFaceTarget, rows: list[dict[str, str]], talk: Talk) -> dict[str, Pair]:
    """The base's own greedy answers to the benign and borderline training prompts."""
    texts = [r["text"] for r in rows] + [r["text"] for r in _read("train_borderline")]
    requests = [_request(i, text) for i, text in enumerate(texts)]
    out: dict[str, Pair] = {}
    for batch in target.batches(requests):
        for i, c in zip(batch, target.generate([requests[i] for i in batch]), strict=True):
            out[texts[i]] = Pair(texts[i], c.text or "", c.finish == "stop")
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


def _encode(tokenizer: Any, row: Pair) -> tuple[list[int], int]:
    """Token ids of the whole conversation, and where the response begins."""
    turns = [{"role": "user", "content": row.prompt}]
    head = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]
    tail = tokenizer(row.answer, add_special_tokens=False)["input_ids"]
    if row.ends:
        tail = [*tail, tokenizer.eos_token_id]
    return [*head, *tail][:MAX_LENGTH], len(head)


def _collate(batch: list[tuple[list[int], int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Right padding without a mask: exact for a causal model when pads are not in the loss."""
    width = max(len(ids) for ids, _ in batch)
    ids = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), width), -100)
    for i, (tokens, start) in enumerate(batch):
        ids[i, : len(tokens)] = torch.tensor(tokens)
        labels[i, start : len(tokens)] = torch.tensor(tokens[start:])
    return ids, labels


def _order(n: int, count: int, seed: int) -> list[int]:
    """``count`` indices below ``n``: whole shuffled passes, one after the other."""
    rng = random.Random(seed)
    out: list[int] = []
    while len(out) < count:
        out += rng.sample(range(n), n)
    return out[:count]


def _read(name: str) -> list[dict[str, str]]:
    place = ROOM / "data" / name
    files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place.with_suffix(".jsonl")]
    return [json.loads(line) for f in files for line in f.read_text("utf-8").splitlines()]


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
        "target_modules": sorted(LINEAR),
        "bias": "none",
    }
    (out / "adapter_config.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
