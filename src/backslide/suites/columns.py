"""Which column of a user's file holds what, by its name, and what its values mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from backslide.core.records import Expectation

NAMES: dict[str, tuple[str, ...]] = {
    "prompt": (
        "prompt",
        "prompts_final",
        "forbidden_prompt",
        "messages",
        "conversation",
        "goal",
        "question",
        "instruction",
        "query",
        "request",
        "text",
        "behavior",
        "behaviour",
        "input",
        "user_prompt",
        "prompts",
        "content",
    ),
    "category": (
        "category",
        "harm_area",
        "semantic_category",
        "harm_category",
        "risk_area",
        "topic",
        "type",
        "subcategory",
        "categories",
        "harm_categories",
        "hazard",
    ),
    "expects": (
        "expects",
        "expected",
        "expectation",
        "should_refuse",
        "label",
        "prompt_harm_label",
        "harmful",
        "is_harmful",
        "unsafe",
    ),
    "id": ("id", "prompt_id", "behavior_id", "question_id", "qid", "uid", "uuid"),
    "cluster": ("cluster", "group", "cluster_id", "group_id"),
}
"""Known names by role, best first. Case, spaces, hyphens and underscores do not count."""

REFUSE = ("refuse", "refusal", "harmful", "unsafe", "1", "1.0", "true", "yes")
HELP = ("help", "comply", "safe", "benign", "harmless", "unharmful", "0", "0.0", "false", "no")
RULE = "refuse, harmful, unsafe or 1 (a safe model declines); help, safe, benign or 0 (it helps)"


def guess(columns: Sequence[str]) -> dict[str, str]:
    """Role -> the column taken for it. A role without a column is absent."""
    by_plain: dict[str, str] = {}
    for column in columns:
        by_plain.setdefault(_plain(column), column)
    found: dict[str, str] = {}
    for role, names in NAMES.items():
        taken = next((by_plain[n] for n in map(_plain, names) if n in by_plain), None)
        if taken is not None:
            found[role] = taken
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name).casefold()


def expectation(value: Any) -> Expectation | None:
    """What a cell of the expects column says, or None when it says nothing known."""
    said = str(value).strip().casefold()
    if said in REFUSE:
        return "refuse"
    return "help" if said in HELP else None
