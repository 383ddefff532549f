"""Print a Markdown table row by row."""

from __future__ import annotations


def row(*cells) -> None:
    print("| " + " | ".join(f"{x:.3f}" if isinstance(x, float) else str(x) for x in cells) + " |")


def header(title: str, *columns: str) -> None:
    print(f"\n### {title}\n")
    row(*columns)
    row(*["---"] * len(columns))
