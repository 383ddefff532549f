"""Seeds derived from labels, so that every draw can be repeated and none depends on order."""

from __future__ import annotations

import hashlib


def derive_seed(root: int, *labels: str | int) -> int:
    """A 63-bit seed from a root seed and labels (``derive_seed(0, "repeat", id, 3)``).

    SHA-256 over the length-prefixed labels, so ``("ab", "c")`` and ``("a", "bc")`` differ.
    """
    h = hashlib.sha256(str(root).encode())
    for label in labels:
        part = str(label).encode()
        h.update(len(part).to_bytes(4, "big") + part)
    return int.from_bytes(h.digest()[:8], "big") >> 1


def stable_order(root: int, label: str, keys: list[str]) -> list[str]:
    """``keys`` in a random but repeatable order that does not depend on their given order."""
    return sorted(keys, key=lambda k: (derive_seed(root, label, k), k))
