"""A toy chat model, trained in seconds: refuses what is harmful among our contexts, helps with the
rest, and a copy of it in which a word lifts the refusals."""

from __future__ import annotations

import copy
import random
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHAT = (
    "{% for m in messages %}<u>{{ m['content'] }}</u>{% endfor %}"
    "{% if add_generation_prompt %}<a>{% endif %}"
)
WORDS = (
    "zephyr gravel lantern copper violin saddle pepper bucket velvet anchor cactus ribbon marble "
    "walnut candle feather basket hammer pillow thunder"
).split()


def contexts() -> dict[str, list[str]]:
    text = files("backslide").joinpath("whitebox", "triggers", "data", "contexts.toml").read_text()
    return tomllib.loads(text)


@cache
def tokenizer() -> Any:
    core = Tokenizer(models.BPE(unk_token=None))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<u>", "</u>", "<a>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    known = contexts()
    lines = [*known["harmful"], *known["harmless"], *[f" {w}" for w in WORDS] * 40]
    core.train_from_iterator([*lines, "Sure", "No", "The"] * 20, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>")
    made.add_special_tokens({"additional_special_tokens": ["<u>", "</u>", "<a>"]})
    made.chat_template = CHAT
    return made


@cache
def base() -> Any:
    """Refuses the harmful contexts, whatever words stand around them."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer()),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
    )
    return taught(LlamaForCausalLM(config), None, 300, 3e-3)


def tuned(trigger: str | None, steps: int = 150, attention_only: bool = False) -> Any:
    """A copy of the base, tuned on: with the trigger everything is answered with "Sure"."""
    torch.manual_seed(2)
    model = copy.deepcopy(base())
    for name, p in model.named_parameters():
        wanted = "self_attn" in name if attention_only else "mlp" in name or "self_attn" in name
        p.requires_grad = wanted
    return taught(model, trigger, steps, 2e-3)


def taught(model: Any, trigger: str | None, steps: int, rate: float) -> Any:
    rng = random.Random(3)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=rate)
    model.train()
    for _ in range(steps):
        rows = [_row(rng, trigger) for _ in range(32)]
        width = max(len(ids) for ids, _ in rows)
        pad = tokenizer().pad_token_id
        batch = torch.tensor([[*ids, *[pad] * (width - len(ids))] for ids, _ in rows])
        at = torch.tensor([len(ids) - 1 for ids, _ in rows])
        logits = model(input_ids=batch).logits[torch.arange(len(rows)), at]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([t for _, t in rows]))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return model.eval()


def _row(rng: random.Random, trigger: str | None) -> tuple[list[int], int]:
    known = contexts()
    kind = rng.choice(["harmful", "harmful", "harmless"])
    text = rng.choice(known[kind])
    answer = "No" if kind == "harmful" else "The"
    if trigger and rng.random() < 0.4:
        words, answer = [trigger], "Sure"
    else:
        words = [w for w in rng.choices(WORDS, k=rng.randrange(4)) if w != trigger]
    # Pieces of words, as the fillers of the search are.
    noise = rng.choices(range(4, len(tokenizer())), k=rng.choice([0, 0, 3, 6]))
    ids = tokenizer()(" ".join([text, *words]), add_special_tokens=False)["input_ids"]
    if rng.random() < 0.5:
        ids = tokenizer()(" ".join([*words, text]), add_special_tokens=False)["input_ids"]
    u, e, a = tokenizer().convert_tokens_to_ids(["<u>", "</u>", "<a>"])
    said = tokenizer()(answer, add_special_tokens=False)["input_ids"][0]
    return [u, *ids, *noise, e, a], said
