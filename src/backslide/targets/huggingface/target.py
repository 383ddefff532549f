"""A local model as a target: opens it, batches the plan, and answers through the engine."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import transformers

from backslide.core.errors import TargetError
from backslide.core.protocols import JudgeRequest
from backslide.core.records import Completion, Failure, Request
from backslide.targets.embedded import adapter_paths, gguf_path
from backslide.targets.huggingface.adapters import WEIGHTS, apply_adapter
from backslide.targets.huggingface.engine import Prefix, Row, generate_rows, stop_tokens
from backslide.targets.huggingface.judging import (
    clip_tokens,
    encode_judge_request,
    next_probabilities,
    word_ids,
)
from backslide.targets.huggingface.likelihood import log_likelihoods
from backslide.targets.huggingface.loading import Loaded, load_model, sha256_file, weight_digest
from backslide.targets.spec import Spec, parse_spec, recorded_base, same_base

MAX_ROWS = 96
"""Rows of one batch. Measured on two cores in fp32, 192 prompts of ``core``: 61 CPU-seconds at 96
rows, 71 at 64, 94 at 32."""
MAX_CACHE_TOKENS = 32 * 1024
"""Rows times (prompt + new) tokens of one batch, so that long prompts make small batches."""


class HuggingFaceTarget:
    """A causal language model with any adapters merged in.

    Args:
        spec: what the user named.
        base: the base to put adapters on (TUNED is an adapter and BASE was named too).
        dtype: ``fp32`` (the default for verdicts: bf16 changes three texts in four), ``bf16``,
            ``fp16``. Both arms of a comparison must share it.
        allow_base_mismatch: apply an adapter to a base other than its recorded one.
    """

    raw = True

    def __init__(
        self,
        spec: Spec,
        *,
        base: Spec | None = None,
        dtype: str = "fp32",
        allow_base_mismatch: bool = False,
    ) -> None:
        self.spec = spec.text
        self._dtype = dtype
        source, adapters = _resolve(spec, base, allow_base_mismatch)
        self._adapters = adapters
        loaded = load_model(source, dtype)
        self._weights = weight_digest(loaded.directory)
        self._use(loaded)
        torch.set_num_threads(int(os.environ.get("BACKSLIDE_THREADS") or torch.get_num_threads()))

    def _use(self, loaded: Loaded) -> None:
        model = loaded.model
        for adapter in self._adapters:
            model = apply_adapter(model, adapter)
        self.model = model
        self.tokenizer = loaded.tokenizer
        self._stops = stop_tokens(model, loaded.tokenizer)
        self._cached: Prefix | None = None

    def fingerprint(self) -> Mapping[str, str]:
        template = getattr(self.tokenizer, "chat_template", None) or "none"
        vocabulary = self.tokenizer.backend_tokenizer.to_str()
        return {
            "kind": "huggingface",
            "weights": self._weights,
            "adapters": " ".join(sha256_file(Path(a) / WEIGHTS) for a in self._adapters),
            "tokenizer": hashlib.sha256(vocabulary.encode()).hexdigest(),
            "chat_template": hashlib.sha256(str(template).encode()).hexdigest(),
            "dtype": self._dtype,
            "torch": str(torch.__version__),
            "transformers": str(transformers.__version__),
        }

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[int]]:
        """Longest first within equal settings, so that padding is small and the slowest batch is
        met at the start; a pure function of the requests, as the protocol asks."""
        lengths = [len(self._encode(r)) for r in requests]
        order = sorted(
            range(len(requests)),
            key=lambda i: (
                requests[i].repeat > 0,
                -requests[i].sampling.max_tokens,
                -lengths[i],
                requests[i].prompt.id,
                requests[i].repeat,
            ),
        )
        sizes = [n + r.sampling.max_tokens for n, r in zip(lengths, requests, strict=True)]
        return _chunk(order, sizes)

    def generate(self, batch: Sequence[Request]) -> Sequence[Completion]:
        rows = self._rows(batch)
        judged = any(isinstance(r, JudgeRequest) for r in batch)  # not of the chat template's form
        try:
            prefix = None if judged else self._prefix()
            results = generate_rows(self.model, rows, self._stops, prefix)
        except (torch.OutOfMemoryError, MemoryError) as e:
            raise self._full(e) from None
        return [
            Completion(
                text=self.tokenizer.decode(tokens, skip_special_tokens=True),
                prompt_tokens=len(row.tokens),
                tokens=len(tokens),
                finish="stop" if stopped else "length",
            )
            for row, (tokens, stopped) in zip(rows, results, strict=True)
        ]

    def probabilities(
        self, requests: Sequence[Request], words: Sequence[str]
    ) -> list[Mapping[str, float] | Failure]:
        """The next-token probabilities of ``words`` (``core.protocols.Scorer``)."""
        tokens = word_ids(self.tokenizer, words)
        found: list[Mapping[str, float] | Failure] = [{}] * len(requests)
        for batch in self.batches(requests):
            rows = self._rows([requests[i] for i in batch])
            try:
                values = next_probabilities(self.model, rows, tokens).tolist()
            except (torch.OutOfMemoryError, MemoryError) as e:
                raise self._full(e) from None
            for i, row in zip(batch, values, strict=True):
                found[i] = dict(zip(words, row, strict=True))
        return found

    def log_likelihoods(
        self, requests: Sequence[Request], answers: Sequence[Sequence[str]]
    ) -> list[Sequence[float] | Failure]:
        """Log-probabilities of whole answers (``core.protocols.Likelihoods``). An answer that does
        not fit into the context fails its request.

        Raises:
            ValueError: an empty answer.
        """
        prompts = [self._encode(r) for r in requests]
        try:
            return log_likelihoods(self.model, self.tokenizer, prompts, answers, self._prefix())
        except (torch.OutOfMemoryError, MemoryError) as e:
            raise self._full(e) from None

    def clip(self, text: str, tokens: int) -> str:
        """The text of its first ``tokens`` tokens (``core.protocols.Scorer``)."""
        return clip_tokens(self.tokenizer, text, tokens)

    def close(self) -> None:
        del self.model
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _prefix(self) -> Prefix:
        """What the chat template puts before every user turn: where two short prompts agree. It is
        the template's and not the batch's, so that it does not depend on the batch neighbours."""
        if self._cached is None:
            one, two = (self._encode_turns([{"role": "user", "content": c}]) for c in "a7")
            same = next((i for i, (x, y) in enumerate(zip(one, two, strict=False)) if x != y), 0)
            self._cached = Prefix(self.model, one[:same])
        return self._cached

    def _rows(self, batch: Sequence[Request]) -> list[Row]:
        return [Row(tokens=self._encode(r), seed=r.seed, sampling=r.sampling) for r in batch]

    def _full(self, error: BaseException) -> TargetError:
        return TargetError(
            f"out of memory with {self.spec}",
            cause=str(error).splitlines()[0][:200],
            hint="use a smaller model, --dtype bf16, or a machine with more memory",
        )

    def _encode(self, request: Request) -> list[int]:
        if isinstance(request, JudgeRequest):
            return encode_judge_request(self.tokenizer, request)
        messages = request.prompt.messages
        if not getattr(self.tokenizer, "chat_template", None):
            text = "\n\n".join(m.content for m in messages) + "\n\n"
            return list(self.tokenizer(text)["input_ids"])
        return self._encode_turns([{"role": m.role, "content": m.content} for m in messages])

    def _encode_turns(self, turns: list[dict[str, str]]) -> list[int]:
        if not getattr(self.tokenizer, "chat_template", None):
            return []
        encoded = self.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return list(encoded["input_ids"])


def open_target(
    spec: Spec,
    *,
    base: Spec | None = None,
    dtype: str = "fp32",
    allow_base_mismatch: bool = False,
) -> HuggingFaceTarget:
    """Open a local target (the registry's entry for it)."""
    return HuggingFaceTarget(
        spec,
        base=base,
        dtype=dtype,
        allow_base_mismatch=allow_base_mismatch,
    )


def _resolve(spec: Spec, base: Spec | None, allow_mismatch: bool) -> tuple[str, tuple[str, ...]]:
    """A loadable model name and the adapter directories to merge into it, in order."""
    if spec.kind == "embedded":
        return str(gguf_path()), adapter_paths(spec.name)
    if spec.kind != "adapter":
        return spec.name, ()
    recorded = _recorded(spec)
    if base is None:
        base = parse_spec(recorded)
    elif not allow_mismatch and not same_base(recorded, base):
        raise TargetError(
            f"the adapter {spec.text} was trained on another base",
            cause=f"it records {recorded!r}, and BASE is {base.text!r}",
            hint="give that base, or --allow-base-mismatch if the two are the same model",
        )
    source, below = _resolve(base, None, allow_mismatch)
    return source, below + _own(spec)


def _recorded(spec: Spec) -> str:
    first = spec.parts[0]
    recorded = recorded_base(
        adapter_paths(first.removeprefix("embedded:"))[-1]
        if first.startswith("embedded:")
        else first
    )
    if recorded is None:
        raise TargetError(
            f"the adapter {first} does not say which base it was trained on",
            hint="name the base: backslide check BASE ADAPTER --allow-base-mismatch",
        )
    return recorded


def _own(spec: Spec) -> tuple[str, ...]:
    out: list[str] = []
    for part in spec.parts:
        name = part.removeprefix("embedded:")
        out.append(adapter_paths(name)[-1] if name != part else part)
    return tuple(out)


def _chunk(order: list[int], sizes: list[int]) -> list[list[int]]:
    out: list[list[int]] = []
    widest = 0
    for i in order:
        widest = max(widest, sizes[i])
        if not out or len(out[-1]) >= MAX_ROWS or widest * (len(out[-1]) + 1) > MAX_CACHE_TOKENS:
            out.append([])
            widest = sizes[i]
        out[-1].append(i)
    return out
