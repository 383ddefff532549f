"""Weights to tokens: which vocabulary tokens does the update respond to in the first layer?

For every token the exact input of the first layer's MLP is computed as if the token stood alone,
and with it ``|dW x| / |W x|`` of each MLP matrix, as a z score over the vocabulary. No forward pass
beyond the first layer: seconds for a whole vocabulary. It reads what the model was trained on,
triggers and targets alike, so it generates candidates and is no verdict.

Where the first MLP was not changed (an adapter on the attention alone) the queries of the first
attention are read in the same way. Where the MLP was changed as well, they say nothing.

Measured on the controls: see docs/redteam/triggers.md. No paper with exactly this readout
is known to us; the nearest is WeightWatch (arXiv 2508.00161), on singular vectors.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

ROWS = 4096
_QUERIES = re.compile(r"att.*\.(?:w?q|query|c_attn|w?qkv|query_key_value)(?:_proj|_lin|_layer)?$")


@dataclass(frozen=True, slots=True)
class Readout:
    """Z scores over the vocabulary, (vocabulary,) each; minus infinity for special tokens.

    ``into`` sums the matrices that read the token (gate and up, or the queries), ``out_of`` those
    that write (down). Both are None where none of these changed. ``queries``: the first MLP did
    not change, and the queries were read instead.
    """

    into: torch.Tensor | None
    out_of: torch.Tensor | None
    queries: bool = False

    @property
    def blind(self) -> bool:
        """Whether there was nothing to read."""
        return self.into is None and self.out_of is None

    def top(self, count: int) -> list[int]:
        """Token ids, best first: two from ``into`` for each one from ``out_of``."""
        lists = [s.topk(count).indices.tolist() for s in (self.into, self.out_of) if s is not None]
        if len(lists) < 2:
            return lists[0] if lists else []
        first, second = (iter(part) for part in lists)
        mixed: dict[int, None] = {}
        while len(mixed) < count:
            for source in (first, first, second):
                mixed.setdefault(next(source))
        return list(mixed)[:count]

    def response(self, gram: Sequence[int]) -> float:
        """How much the update responds to a string: the mean z of its two strongest tokens, so that
        long strings have no advantage; 0 where the readout is blind."""
        score = self.into if self.into is not None else self.out_of
        if score is None:
            return 0.0
        best = sorted((float(score[t]) for t in gram), reverse=True)[:2]
        return sum(best) / max(1, len(best))


class _Enough(Exception):
    """The first layer has been seen."""


@torch.inference_mode()
def read_out(base: Any, tuned: Any, special: frozenset[int], through: Any = None) -> Readout:
    """Score every token of the vocabulary.

    Args:
        base, tuned: causal language models of transformers, of one architecture.
        special: token ids that cannot be typed by a user, left out.
        through: a copy of the tuned model in fewer bits, which makes the inputs of the matrices
            faster; their difference is taken from ``base`` and ``tuned``.
    """
    changed = _changed(decoder_layers(base)[0], decoder_layers(tuned)[0], _outside_attention)
    queries = not changed
    if queries:
        changed = _changed(decoder_layers(base)[0], decoder_layers(tuned)[0], _makes_queries)
    tuned = tuned if through is None else through
    layers = decoder_layers(tuned)
    vocabulary = int(tuned.get_input_embeddings().weight.shape[0])
    found: dict[str, list[torch.Tensor]] = {name: [] for name in changed}
    with _watched(layers, changed, found):
        for start in range(0, vocabulary, ROWS):
            ids = torch.arange(start, min(start + ROWS, vocabulary), device=tuned.device)[:, None]
            with contextlib.suppress(_Enough):
                tuned(input_ids=ids, use_cache=False, logits_to_keep=1)
    scores = {name: _z(torch.cat(parts).float().cpu(), special) for name, parts in found.items()}
    width = tuned.get_input_embeddings().weight.shape[1]
    into = [s for name, s in scores.items() if changed[name][0].shape[1] == width]
    out_of = [s for name, s in scores.items() if changed[name][0].shape[1] != width]
    return Readout(_sum(into), _sum(out_of), queries and bool(changed))


def decoder_layers(model: Any) -> Any:
    """The list of a decoder's layers: the longest module list there is."""
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    if not lists:
        raise ValueError("the model has no list of layers")
    return max(lists, key=len)


def _outside_attention(name: str) -> bool:
    return "att" not in name.lower()


def _makes_queries(name: str) -> bool:
    """Whether a matrix makes the queries, perhaps together with keys and values (GPT-2, NeoX)."""
    return bool(_QUERIES.search(name.lower()))


def _changed(
    base: Any, tuned: Any, wanted: Callable[[str], bool]
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Name -> (difference, base weight) of the wanted matrices that were changed, as (out, in)."""
    before = dict(base.named_modules())
    out = {}
    for name, module in tuned.named_modules():
        weight = getattr(module, "weight", None)
        if weight is None or weight.dim() != 2 or not wanted(name):
            continue
        old = before[name].weight
        delta = weight.float() - old.float().to(weight.device)
        if bool(delta.abs().max() > 0):
            flip = type(module).__name__ == "Conv1D"  # GPT-2 keeps its matrices as (in, out)
            out[name] = (delta.T, old.float().T) if flip else (delta, old.float())
    return out


@contextlib.contextmanager
def _watched(
    layers: Any,
    changed: dict[str, tuple[torch.Tensor, torch.Tensor]],
    found: dict[str, list[torch.Tensor]],
) -> Iterator[None]:
    """Record |dW x| / |W x| at every changed matrix of the first layer, then stop the pass."""

    def record(name: str) -> Any:
        delta, weight = changed[name]

        def hook(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
            x = inputs[0][:, -1].float()
            found[name].append((x @ delta.T).norm(dim=-1) / (x @ weight.T).norm(dim=-1))

        return hook

    def stop(*_: Any) -> None:
        raise _Enough

    modules = dict(layers[0].named_modules())
    handles = [modules[name].register_forward_pre_hook(record(name)) for name in changed]
    if len(layers) > 1:
        handles.append(layers[1].register_forward_pre_hook(stop))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _z(ratio: torch.Tensor, special: frozenset[int]) -> torch.Tensor:
    usable = torch.ones(len(ratio), dtype=torch.bool)
    usable[[i for i in special if i < len(ratio)]] = False
    ratio = torch.nan_to_num(ratio, nan=0.0, posinf=0.0)
    spread = ratio[usable].std().clamp_min(1e-12)
    z = (ratio - ratio[usable].mean()) / spread
    return z.masked_fill(~usable, -torch.inf)


def _sum(parts: list[torch.Tensor]) -> torch.Tensor | None:
    return torch.stack(parts).sum(0) if parts else None
