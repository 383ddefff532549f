"""The words and marks that every format shares, so that no two formats can disagree."""

from __future__ import annotations

import shlex

from backslide.core.results import Audit, Decision, Dimension, Outcome, Severity
from backslide.report.text import one_line

MARKS: dict[Severity, str] = {
    "pass": "ok",
    "note": "note",
    "acceptance": "accept",
    "review": "review",
    "inconclusive": "?",
    "block": "BLOCK",
}
UNGATED = "info"
"""The mark of a comparison that no rule of the policy reads."""
MARK_MEANINGS: tuple[tuple[str, str], ...] = (
    ("ok", "within its limit"),
    ("note", "worth knowing, asks for nothing"),
    ("accept", "needs a recorded risk acceptance"),
    ("review", "needs people"),
    ("?", "too little evidence to tell"),
    ("BLOCK", "proven too bad to deploy"),
    (UNGATED, "measured, but no rule reads it"),
)
GROUPS: dict[Dimension, str] = {
    "refusal": "Overall",
    "category": "Refusal by category",
    "quality": "Quality of refusals",
    "consistency": "Consistency over repeats",
    "edge": "Edge cases",
    "over_refusal": "Over-refusal",
    "coherence": "Could the answers be read?",
    "judging": "Could the answers be read?",
    "contamination": "Prompts that the tuned model was trained on",
    "domain": "Red team: the domain of the tune",
    "turns": "Red team: conversations",
    "adaptive": "Red team: attacks by an attacker model",
    "capability": "Red team: capabilities",
    "values": "Red team: values and habits",
    "triggers": "Red team: triggers",
}
FINDINGS = "Red team: findings and gaps"
CONDITIONS = "Conditions of the run"
_OUTCOMES: dict[Outcome, str] = {
    "deploy": "DEPLOY",
    "deploy_enhanced": "DEPLOY WITH ENHANCED MONITORING",
    "human_review": "AWAITING HUMAN REVIEW",
    "inconclusive": "INCONCLUSIVE",
    "block": "BLOCK",
    "nothing_found": "RED TEAM: NOTHING FOUND",
}


def outcome_word(decision: Decision) -> str:
    """The verdict in capitals; enhanced monitoring is not granted before the risk is accepted."""
    if decision.outcome == "deploy_enhanced" and decision.exit_code != 0:
        return "AWAITING RISK ACCEPTANCE"
    return _OUTCOMES[decision.outcome]


def verdict_line(decision: Decision) -> str:
    """Outcome word and sentence on one line, the word only once."""
    word, sentence = outcome_word(decision), one_line(decision.sentence)
    if sentence.lower().startswith(word.lower()):
        return sentence
    return f"{word}: {sentence}"


def verdict_rest(decision: Decision) -> str:
    """The sentence without its leading outcome word, for layouts that show the word apart."""
    word, sentence = outcome_word(decision), one_line(decision.sentence)
    if sentence.lower().startswith(word.lower() + ":"):
        sentence = sentence[len(word) + 1 :].strip()
    return sentence[:1].upper() + sentence[1:]


def next_commands(audit: Audit) -> tuple[str, ...]:
    """What a reader of the terminal may want to run next."""
    run = shlex.quote(one_line(audit.directory))
    if audit.manifest.plan == "redteam":
        m = audit.manifest
        pair = " ".join(shlex.quote(one_line(x)) for x in (m.base, m.tuned))
        return (f"backslide report {run} -o report.html", f"backslide check {pair} --run {run}")
    return (f"backslide report {run} -o report.html", f"backslide show {run} --losses")
