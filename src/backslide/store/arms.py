"""Answers of one arm, kept for other runs that ask the same weights the same prompts.

Keyed by the fingerprint of the weights, tokenizer, chat template and dtype, and by the exact
batches of requests; never by a model's name (tools in the field served the base's cached answers to
a tuned model of the same name).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from backslide.core.errors import OutputError, StoreError
from backslide.core.records import Request, Response
from backslide.store.jsonl import read_lines, write_atomic


class ArmCache:
    """A folder of whole arms. Only local models with a weight fingerprint are kept: what stands
    behind an endpoint's name can change from one day to the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(
        self, fingerprint: Mapping[str, str], batches: Sequence[Sequence[Request]]
    ) -> list[Response] | None:
        """The responses in batch order, or None. A damaged file counts as absent."""
        path = self._path(fingerprint, batches)
        if path is None or not path.exists():
            return None
        try:
            lines = read_lines(path, Response)
        except StoreError:
            return None
        keys = [(r.prompt.id, r.repeat) for batch in batches for r in batch]
        if lines.torn or [(r.prompt_id, r.repeat) for r in lines.records] != keys:
            return None
        return lines.records

    def put(
        self,
        fingerprint: Mapping[str, str],
        batches: Sequence[Sequence[Request]],
        responses: Sequence[Response],
    ) -> None:
        """Keep one arm, unless it holds failures or has no weight fingerprint."""
        path = self._path(fingerprint, batches)
        if path is None or path.exists() or any(r.failure for r in responses):
            return
        data = b"".join(msgspec.json.encode(r) + b"\n" for r in responses)
        with contextlib.suppress(OSError, OutputError):  # a cache that cannot be written is no loss
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)

    def _path(
        self, fingerprint: Mapping[str, str], batches: Sequence[Sequence[Request]]
    ) -> Path | None:
        if not fingerprint.get("weights"):
            return None
        h = hashlib.sha256(json.dumps(dict(fingerprint), sort_keys=True).encode())
        for batch in batches:
            h.update(b"batch")
            for r in batch:
                turns = [[m.role, m.content] for m in r.prompt.messages]
                s = r.sampling
                part = [r.prompt.id, turns, r.repeat, r.seed, s.max_tokens, s.temperature, s.top_p]
                h.update(json.dumps(part).encode())
        return self._folder / f"{h.hexdigest()[:32]}.jsonl"
