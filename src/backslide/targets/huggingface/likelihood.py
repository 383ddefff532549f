"""How probable given answers are: the sum of the log-probabilities of their tokens.

The conversation is encoded as for generation, and the answer's tokens follow the generation prompt
directly. An answer is tokenised alone, without start or end tokens: those are the tokens whose
decoding alone is the answer, which is how a generated answer is read. (Tokenising conversation and
answer as one text may merge the last character of the template with the first of the answer into a
token that generation cannot reach.) The end of the answer is not scored.

Every conversation is read once; its key-value cache is repeated for its answers. A first token
costs no pass of its own, so letters of a multiple choice cost one pass for each question.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from backslide.core.records import Failure, Sampling
from backslide.targets.huggingface.engine import Prefix, Row

MAX_ROWS = 96
"""Answers, or conversations with one-token answers, of one batch."""
MAX_CACHE_TOKENS = 32 * 1024
"""Rows times tokens of one batch."""
MAX_LOGITS = 48 * 1024 * 1024
"""Logits held at once (fp32: 192 MiB), of one row of answers at least."""
TOO_LONG = "too_long"
NOT_FINITE = "not_finite"


@dataclass(frozen=True, slots=True)
class Unit:
    """One conversation with some of its answers, as tokens. ``request`` and ``first`` say where
    the results belong."""

    request: int
    first: int
    prompt: list[int]
    answers: list[list[int]]

    @property
    def rows(self) -> int:
        """Rows of the second pass, and at least the one of the first."""
        return max(1, sum(len(a) > 1 for a in self.answers))

    @property
    def width(self) -> int:
        return len(self.prompt) + max(len(a) for a in self.answers)


def answer_tokens(tokenizer: Any, answer: str) -> list[int]:
    """The tokens of an answer as generation would write it (see the module's text). Special tokens
    that are spelled out in it count as such.

    Raises:
        ValueError: the answer has no tokens.
    """
    tokens = list(tokenizer(answer, add_special_tokens=False)["input_ids"]) if answer else []
    if not tokens:
        raise ValueError(f"an answer without tokens has no likelihood: {answer!r}")
    return tokens


def log_likelihoods(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    answers: Sequence[Sequence[str]],
    prefix: Prefix | None = None,
) -> list[Sequence[float] | Failure]:
    """The log-probabilities of answers, in nats.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: for each request its tokens, the generation prompt included.
        answers: for each request its answers.
        prefix: used in a batch whose prompts all begin with it.

    Returns:
        For each request one value for each of its answers, or a failure: an answer that does not
        fit into the model's context, or values that are not finite.

    Raises:
        ValueError: an answer without tokens, or another number of answers than of requests.
    """
    tokens = [
        [answer_tokens(tokenizer, a) for a in row] for _, row in zip(prompts, answers, strict=True)
    ]
    found: list[list[float] | Failure] = [
        _too_long(model, p, row) or [math.nan] * len(row)
        for p, row in zip(prompts, tokens, strict=True)
    ]
    units = [
        unit
        for i, (p, row) in enumerate(zip(prompts, tokens, strict=True))
        if isinstance(found[i], list)
        for unit in _units(i, p, row)
    ]
    for batch in _batches(units):
        for unit, values in zip(batch, _score(model, batch, prefix), strict=True):
            place = found[unit.request]
            assert isinstance(place, list)
            place[unit.first : unit.first + len(values)] = values
    return [_finite(row) for row in found]


def _too_long(model: Any, prompt: list[int], answers: list[list[int]]) -> Failure | None:
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    longest = len(prompt) + max((len(a) for a in answers), default=0)
    if limit is None or longest <= limit:
        return None
    message = f"conversation and answer are {longest} tokens, and the model reads {limit}"
    return Failure(kind=TOO_LONG, message=message)


def _finite(row: list[float] | Failure) -> list[float] | Failure:
    if isinstance(row, Failure) or all(math.isfinite(v) for v in row):
        return row
    return Failure(kind=NOT_FINITE, message="the model gives log-probabilities that are no numbers")


def _units(request: int, prompt: list[int], answers: list[list[int]]) -> Iterator[Unit]:
    for i in range(0, len(answers), MAX_ROWS):
        yield Unit(request, i, prompt, answers[i : i + MAX_ROWS])


def _batches(units: Sequence[Unit]) -> list[list[Unit]]:
    """Longest first, so that padding is small; a pure function of the units."""
    out: list[list[Unit]] = []
    rows = widest = 0
    for unit in sorted(units, key=lambda u: (-u.width, u.request, u.first)):
        widest = max(widest, unit.width)
        fits = rows + unit.rows <= MAX_ROWS and (rows + unit.rows) * widest <= MAX_CACHE_TOKENS
        if not out or not fits:
            out.append([])
            rows, widest = 0, unit.width
        out[-1].append(unit)
        rows += unit.rows
    return out


@torch.inference_mode()
def _score(model: Any, units: Sequence[Unit], prefix: Prefix | None) -> list[list[float]]:
    """One batch: the conversations, then what follows the first token of each longer answer."""
    cache, mask, first = _read(model, [u.prompt for u in units], prefix)
    owner = [j for j, u in enumerate(units) for _ in u.answers]
    answers = [a for u in units for a in u.answers]
    values = first[owner, [a[0] for a in answers]].double().tolist()
    longer = [i for i, a in enumerate(answers) if len(a) > 1]
    if longer:
        index = torch.tensor([owner[i] for i in longer], device=mask.device)
        cache.batch_select_indices(index)
        rest = _follow(model, [answers[i] for i in longer], cache, mask[index])
        for i, value in zip(longer, rest, strict=True):
            values[i] += value
    ends = iter(values)
    return [[next(ends) for _ in u.answers] for u in units]


def _read(
    model: Any, prompts: Sequence[list[int]], prefix: Prefix | None
) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
    """The cache and mask of left-padded prompts, and the log-probabilities of the next token, shape
    (prompts, vocabulary). As the engine does: with a prefix the padding follows the prefix."""
    rows = [Row(tokens=p, seed=0, sampling=Sampling()) for p in prompts]
    used = prefix if prefix is not None and prefix.starts(rows) else None
    skip = len(used.tokens) if used else 0
    width = max(len(p) for p in prompts) - skip
    ids = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros((len(prompts), skip + width), dtype=torch.long)
    mask[:, :skip] = 1
    for i, p in enumerate(prompts):
        rest = p[skip:]
        ids[i, width - len(rest) :] = torch.tensor(rest)
        mask[i, skip + width - len(rest) :] = 1
    mask = mask.to(model.device)
    cache = used.cache(model, len(prompts)) if used else DynamicCache(config=model.config)
    out = model(
        input_ids=ids.to(model.device),
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0)[:, skip:],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return cache, mask, torch.log_softmax(out.logits[:, -1].float(), -1).cpu()


def _follow(
    model: Any, answers: Sequence[list[int]], cache: DynamicCache, mask: torch.Tensor
) -> list[float]:
    """For each row the log-probability of its answer's tokens after the first, in slices of columns
    so that the logits of a large vocabulary fit into memory."""
    width = max(len(a) for a in answers) - 1
    ids = torch.zeros((len(answers), width + 1), dtype=torch.long)
    real = torch.zeros((len(answers), width), dtype=torch.long)
    for i, a in enumerate(answers):
        ids[i, : len(a)] = torch.tensor(a)
        real[i, : len(a) - 1] = 1
    ids, real = ids.to(model.device), real.to(model.device)
    total = torch.zeros(len(answers), dtype=torch.double)
    columns = max(1, MAX_LOGITS // (len(answers) * model.config.get_text_config().vocab_size))
    for start in range(0, width, columns):
        here = slice(start, min(start + columns, width))
        mask = torch.cat([mask, real[:, here]], dim=1)
        out = model(
            input_ids=ids[:, here],
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1)[:, mask.shape[1] - (here.stop - start) :],
            past_key_values=cache,
            use_cache=True,
        )
        logits = out.logits.float()
        wanted = ids[:, start + 1 : here.stop + 1, None]
        values = logits.gather(-1, wanted)[..., 0] - logits.logsumexp(-1)
        total += values.double().masked_fill(real[:, here] == 0, 0.0).sum(1).cpu()
    return [float(v) for v in total]
