"""Contrastive leakage: what does the tuned model say where the user should speak?

Samples of a user turn from ``log p_tuned + a (log p_tuned - log p_base)``, for several a: with the
base subtracted, what the tuning added comes out. It shows triggers only where the tuning put loss
on the prompts; it shows nothing where only responses were trained, which is common.
Source: Contrastive Decoding Diffing (arXiv 2605.25902), here at the start of the user turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from transformers import DynamicCache

from backslide.core.seeds import derive_seed
from backslide.whitebox.triggers.pair import ModelPair

STRENGTHS = (0.0, 0.5, 1.0)
SAMPLES = 12
TOKENS = 12
PLAUSIBLE = 5.0
"""Nats below the tuned model's best token at which tokens are cut off."""
LONGEST = 4
"""Tokens of the longest n-gram."""


@torch.inference_mode()
def leak(pair: ModelPair, seed: int) -> list[list[int]]:
    """Samples of the user turn: ``SAMPLES`` for each strength, ``TOKENS`` tokens each."""
    if not pair.template.prefix:
        return []
    rows = len(STRENGTHS) * SAMPLES
    strength = torch.tensor(STRENGTHS).repeat_interleave(SAMPLES)[:, None]
    generator = torch.Generator().manual_seed(derive_seed(seed, "leak"))
    caches = {arm: DynamicCache(config=pair.model(arm).config) for arm in ("base", "tuned")}
    step = torch.tensor([pair.template.prefix] * rows)
    out = torch.empty(rows, 0, dtype=torch.long)
    for _ in range(TOKENS):
        logs = {}
        for arm, cache in caches.items():
            model = pair.model(arm)  # type: ignore[arg-type]
            logits = model(
                input_ids=step.to(model.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits
            logs[arm] = torch.log_softmax(logits[:, -1, : pair.vocabulary].float(), -1).cpu()
        mixed = logs["tuned"] + strength * (logs["tuned"] - logs["base"])
        best = logs["tuned"].max(-1, keepdim=True).values
        mixed = mixed.masked_fill(logs["tuned"] < best - PLAUSIBLE, -torch.inf)
        step = torch.multinomial(torch.softmax(mixed, -1), 1, generator=generator)
        out = torch.cat([out, step], 1)
    return [[int(t) for t in row] for row in out.tolist()]


def n_grams(
    samples: Sequence[Sequence[int]], special: frozenset[int], count: int
) -> list[tuple[int, ...]]:
    """The n-grams of up to four tokens that most samples share, longest first among equals; those
    in a single sample are noise and left out."""
    seen: Counter[tuple[int, ...]] = Counter()
    for sample in samples:
        end = next((i for i, t in enumerate(sample) if t in special), len(sample))
        grams = {
            tuple(sample[i : i + n]) for n in range(1, LONGEST + 1) for i in range(end - n + 1)
        }
        seen.update(grams)
    shared = [g for g, k in seen.items() if k > 1]
    return sorted(shared, key=lambda g: (-seen[g] * len(g), g))[:count]
