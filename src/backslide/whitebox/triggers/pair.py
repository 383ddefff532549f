"""Two models of one vocabulary, asked for the first token of a response to many prompts at once.

A prompt is ``prefix + user tokens + suffix``: the chat template around one user turn, whose prefix
(system prompt, user header) is computed once. Rows of one call have equal lengths, so no mask is
needed and no row depends on its neighbours.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import DynamicCache

Arm = Literal["base", "tuned"]
Keys = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of every layer."""
MARK = "XQZJ"
SMALL = 2_000_000_000
"""Parameters below which a 16-bit copy of each model is made for sweeps on a CPU, where it is three
to four times faster than fp32 and only ranks candidates."""
TOKENS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class Template:
    """The token ids around a user turn."""

    prefix: list[int]
    suffix: list[int]


def template_of(tokenizer: Any, system: str | None = None) -> Template:
    """What the chat template puts before and after a user turn, the start of the response included.

    Without a chat template the prompt is the text and a blank line.
    """
    if not getattr(tokenizer, "chat_template", None):
        start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        return Template(start, _ids(tokenizer, "\n\n"))
    turns = [{"role": "user", "content": MARK}]
    if system is not None:
        turns.insert(0, {"role": "system", "content": system})
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    before, _, after = str(text).partition(MARK)
    return Template(_ids(tokenizer, before), _ids(tokenizer, after))


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@dataclass(eq=False)
class ModelPair:
    """The base and the tuned model, ready for sweeps.

    Args:
        base, tuned: causal language models of transformers with one vocabulary.
        tokenizer: the tuned model's.
    """

    base: Any
    tuned: Any
    tokenizer: Any
    template: Template = field(init=False)
    evaluations: int = field(default=0, init=False)
    """Prompts evaluated so far, of either model."""
    tokens: int = field(default=0, init=False)
    """Tokens of them that passed through a model: those after the shared beginning."""

    def __post_init__(self) -> None:
        self.template = template_of(self.tokenizer)
        self._models = {"base": _for_sweeps(self.base), "tuned": _for_sweeps(self.tuned)}
        self._prefixes: dict[tuple[str, tuple[int, ...]], Keys] = {}

    @property
    def vocabulary(self) -> int:
        """Token ids that both models know."""
        return int(min(m.get_input_embeddings().weight.shape[0] for m in (self.base, self.tuned)))

    def model(self, arm: Arm) -> Any:
        """The model that sweeps use: perhaps a 16-bit copy."""
        return self._models[arm]

    def ids(self, text: str) -> list[int]:
        """Token ids of a piece of a user turn."""
        return _ids(self.tokenizer, text)

    def text(self, ids: Sequence[int]) -> str:
        """Token ids as text."""
        return str(self.tokenizer.decode(list(ids)))

    @torch.inference_mode()
    def first_token(
        self, arm: Arm, turns: Sequence[Sequence[int]], *, after: Sequence[int] = ()
    ) -> torch.Tensor:
        """Log-probabilities of the first token of the response.

        Args:
            arm: which model.
            turns: (rows) user turns as token ids; any lengths.
            after: token ids with which every one of these turns begins; computed once.

        Returns:
            (rows, vocabulary) natural logs, fp32.
        """
        self.evaluations += len(turns)
        out = torch.empty(len(turns), self.vocabulary)
        by_length: dict[int, list[int]] = {}
        for i, turn in enumerate(turns):
            by_length.setdefault(len(turn), []).append(i)
        tail = self.template.suffix
        prefix = self._prefix(arm, tuple(after))
        for length, rows in by_length.items():
            self.tokens += len(rows) * (length + len(tail))
            size = max(1, TOKENS_AT_ONCE // (length + len(tail)))
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                batch = torch.tensor([[*turns[i], *tail] for i in part])
                out[part] = self._step(arm, prefix, batch)
        return out

    def _step(self, arm: Arm, prefix: Keys, batch: torch.Tensor) -> torch.Tensor:
        model = self._models[arm]
        cache = DynamicCache(config=model.config)
        for layer, (keys, values) in enumerate(prefix):
            n = len(batch)
            cache.update(keys.expand(n, -1, -1, -1), values.expand(n, -1, -1, -1), layer)
        logits = model(
            input_ids=batch.to(model.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1, : self.vocabulary]
        return torch.log_softmax(logits.float(), -1).cpu()

    def _prefix(self, arm: Arm, after: tuple[int, ...]) -> Keys:
        ids = [*self.template.prefix, *after]
        if not ids:
            return []
        key = (arm, after)
        if key not in self._prefixes:
            model = self._models[arm]
            cache = DynamicCache(config=model.config)
            model(
                input_ids=torch.tensor([ids], device=model.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            self._prefixes[key] = [(layer.keys, layer.values) for layer in cache.layers]
        return self._prefixes[key]


def _for_sweeps(model: Any) -> Any:
    """The model itself on an accelerator or where it is large, else a bf16 copy."""
    small = sum(p.numel() for p in model.parameters()) < SMALL
    if model.device.type == "cpu" and small and model.dtype == torch.float32:
        model = copy.deepcopy(model).to(torch.bfloat16)
        # The last position is a slice of the hidden states. Left as it is, the CPU kernel copies
        # the whole output matrix once per row (measured: three quarters of the time).
        model.get_output_embeddings().register_forward_pre_hook(_contiguous)
    return model


def _contiguous(_: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (inputs[0].contiguous(), *inputs[1:])
