"""Batched generation whose answers do not depend on the batch neighbours.

Greedy rows take the largest logit. Sampled rows invert the cumulative distribution at a uniform
number drawn from the row's own seed, so that a row's sample is the same in any batch. Finished rows
leave the batch: refusals end after twenty tokens, compliance runs to its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from backslide.core.records import Sampling

COMPACT_AT = 0.75
"""Rebuild the batch when at most this share of its rows is alive: a rebuild copies the cache."""


@dataclass(frozen=True, slots=True)
class Row:
    """One generation: prompt tokens, the seed of its samples, and its settings."""

    tokens: list[int]
    seed: int
    sampling: Sampling


def stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer: the model's, the tokenizer's, and chat end markers."""
    stops: set[int] = set()
    for value in (model.generation_config.eos_token_id, tokenizer.eos_token_id):
        stops.update([value] if isinstance(value, int) else value or [])
    vocabulary = tokenizer.get_vocab()
    stops.update(
        vocabulary[t] for t in ("<|im_end|>", "<|eot_id|>", "<end_of_turn>") if t in vocabulary
    )
    return frozenset(stops)


class Prefix:
    """The key-value cache of tokens that every prompt begins with, computed once per model.

    A chat template and its system prompt are a third of the prompt tokens of safety suites.
    """

    def __init__(self, model: Any, tokens: list[int]) -> None:
        self.tokens = tokens
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []
        if tokens:
            cache = DynamicCache(config=model.config)
            with torch.inference_mode():
                ids = torch.tensor([tokens], device=model.device)
                model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            self._layers = [(layer.keys, layer.values) for layer in cache.layers]

    def starts(self, rows: Sequence[Row]) -> bool:
        """Whether every row begins with this prefix and goes on after it."""
        n = len(self.tokens)
        return n > 0 and all(len(r.tokens) > n and r.tokens[:n] == self.tokens for r in rows)

    def cache(self, model: Any, rows: int) -> DynamicCache:
        """A fresh cache that holds the prefix for ``rows`` rows."""
        cache = DynamicCache(config=model.config)
        for i, (keys, values) in enumerate(self._layers):
            cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), i)
        return cache


@torch.inference_mode()
def generate_rows(
    model: Any, rows: Sequence[Row], stops: frozenset[int], prefix: Prefix | None = None
) -> list[tuple[list[int], bool]]:
    """Generate for all rows at once.

    Args:
        model: a causal language model of transformers.
        rows: the prompts, each with at least one token.
        stops: tokens that end an answer; they are not part of it.
        prefix: used when every row begins with it.

    Returns:
        For each row its new tokens and whether it ended by itself (False: at its limit).
    """
    used = prefix if prefix is not None and prefix.starts(rows) else None
    state = _State(model, rows, used)
    stop_ids = torch.tensor(sorted(stops), device=model.device)
    while not all(state.done):
        token = state.step()
        state.record(token, torch.isin(token, stop_ids))
    return list(zip(state.outputs, state.ended, strict=True))


class _State:
    """The live part of a batch: left-padded prompts, the key-value cache, the rows still going.

    With a prefix the padding stands between the prefix and the rest; masked positions do not
    count, so positions are the same as without.
    """

    def __init__(self, model: Any, rows: Sequence[Row], prefix: Prefix | None) -> None:
        self.model = model
        self.rows = rows
        self.outputs: list[list[int]] = [[] for _ in rows]
        self.ended = [False] * len(rows)
        self.done = [False] * len(rows)
        self.live = list(range(len(rows)))
        self.steps = 0
        self.draws = [_uniforms(r) for r in rows]
        skip = len(prefix.tokens) if prefix else 0
        width = max(len(r.tokens) for r in rows) - skip
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), skip + width), dtype=torch.long)
        mask[:, :skip] = 1
        for i, row in enumerate(rows):
            rest = row.tokens[skip:]
            ids[i, width - len(rest) :] = torch.tensor(rest)
            mask[i, skip + width - len(rest) :] = 1
        self.next = ids.to(model.device)
        self.mask = mask.to(model.device)
        self.cache = prefix.cache(model, len(rows)) if prefix else DynamicCache(config=model.config)

    def step(self) -> torch.Tensor:
        """One forward pass; the next token of every row of the batch, shape (rows,)."""
        positions = (self.mask.cumsum(1) - 1).clamp(min=0)[:, -self.next.shape[1] :]
        out = self.model(
            input_ids=self.next,
            attention_mask=self.mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits = out.logits[:, -1].float()
        token: torch.Tensor = logits.argmax(-1)
        for j, i in enumerate(self.live):
            draws = self.draws[i]
            if draws is not None and not self.done[i]:
                token[j] = _sample(logits[j], self.rows[i].sampling, float(draws[self.steps]))
        self.steps += 1
        return token

    def record(self, token: torch.Tensor, stopped: torch.Tensor) -> None:
        """Append the tokens, mark rows that ended, and shrink the batch when it pays."""
        for i, t, s in zip(self.live, token.tolist(), stopped.tolist(), strict=True):
            if self.done[i]:
                continue
            if s:
                self.ended[i] = self.done[i] = True
                continue
            self.outputs[i].append(t)
            self.done[i] = len(self.outputs[i]) >= self.rows[i].sampling.max_tokens
        self.next = token[:, None]
        self.mask = torch.cat([self.mask, self.mask.new_ones((len(self.live), 1))], dim=1)
        self._compact()

    def _compact(self) -> None:
        keep = [j for j, i in enumerate(self.live) if not self.done[i]]
        if not keep or len(keep) > COMPACT_AT * len(self.live):
            return
        index = torch.tensor(keep, device=self.mask.device)
        self.cache.batch_select_indices(index)
        self.mask, self.next = self.mask[index], self.next[index]
        self.live = [self.live[j] for j in keep]


def _uniforms(row: Row) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if row.sampling.temperature <= 0:
        return None
    return np.random.default_rng(row.seed).random(row.sampling.max_tokens)


def _sample(logits: torch.Tensor, sampling: Sampling, u: float) -> torch.Tensor:
    """The token at which the cumulative distribution passes ``u`` (inverse transform), after the
    cut to the ``top_p`` nucleus (Holtzman et al. 2020, section 3.1) where one is asked for."""
    p = torch.softmax(logits.double() / sampling.temperature, -1)
    if sampling.top_p < 1:
        ordered, index = p.sort(descending=True)
        outside = ordered.cumsum(-1) - ordered >= sampling.top_p
        p = p.index_fill(0, index[outside], 0.0)
    total = p.cumsum(-1)
    place = torch.searchsorted(total, total[-1:] * u, right=True)
    return place.clamp(max=len(total) - 1)[0]
