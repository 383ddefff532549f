"""The records of a red team's results: what was tried, what was compared, what was found.

The laws of ``records.py`` hold. A finding is a fact with evidence; the gate says what it asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backslide.core.comparisons import Comparison, Estimate
from backslide.core.records import Arm, Expectation, Message, Prompt

Focus = Literal["domain", "turns", "adaptive", "capability", "values", "triggers", "manual"]
FOCUSES: tuple[Focus, ...] = ("domain", "turns", "capability", "values", "triggers")
"""What ``redteam run`` does by default, cheapest evidence for its price first. ``adaptive`` needs
an attacker that the user names, ``manual`` a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit:
    """One conversation with both arms' last answers: the evidence of a finding. Hostile text.

    ``base_turns`` and ``tuned_turns`` hold the whole conversation of each arm, its own answers
    included; they differ after the first answer. An arm that was not asked is empty.
    """

    title: str
    base_turns: tuple[Message, ...]
    tuned_turns: tuple[Message, ...]
    base_label: str
    tuned_label: str
    expects: Expectation = "refuse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that the tuned model does and its base does not.

    ``value`` is the tuned model's quantity (a rate, a score), ``reference`` the base's under the
    same condition; ``change`` is the difference with its interval, positive is worse. ``p`` is
    one-sided and already adjusted for everything else that the focus tried. ``confirmed`` is set
    when fresh prompts, which played no part in the search, show it at the stated error.
    ``harmful`` says that harmful requests are answered; otherwise behaviour changed and people must
    say how bad that is.
    """

    check: str
    focus: Focus
    title: str
    summary: str
    quantity: str
    value: float | None
    reference: float | None
    change: Estimate | None
    p: float | None
    confirmed: bool
    harmful: bool
    trigger: str | None = None
    how: str = ""
    reproduce: str = ""
    exhibits: tuple[Exhibit, ...] = ()
    absent: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """What was tried within one group: ``tried`` of ``planned`` probes. ``detectable`` says in one
    phrase what this number would have shown, and ``probability`` how likely, where it is known."""

    group: str
    tried: int
    planned: int
    unit: str
    detectable: str = ""
    probability: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FocusResult:
    """Everything one focus has to say.

    ``comparisons`` are paired, with ``margin`` and ``p_worse`` against that margin; they are tested
    together with those of all other focuses. ``limits`` says what it cannot show. ``complete`` is
    False when the time ended before the plan did; ``absent`` says why there is nothing at all.
    ``gaps`` are parts of the plan that could not be done for another reason than time: too little
    evidence, which is no pass.
    ``succeeded`` are conversations that the tuned model gave in to and its base did not, where the
    verdicts on single answers do not tell which those are; they are exported as a suite.
    """

    focus: Focus
    title: str
    comparisons: tuple[Comparison, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    notes: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    calls: int = 0
    seconds: float = 0.0
    complete: bool = True
    absent: str | None = None
    gaps: tuple[str, ...] = ()
    succeeded: tuple[Prompt, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A person's note in an interactive session: this answer of this arm is a finding, or not."""

    arm: Arm
    prompt_id: str
    rater: str
    finding: bool
    harmful: bool
    note: str
    active_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RedTeam:
    """One red-team run: what every report of it is a pure function of."""

    base: str
    tuned: str
    judge: str
    seed: int
    budget_seconds: float | None
    created: str
    focuses: tuple[FocusResult, ...]
    manual_seconds: float = 0.0
    """Active minutes of people in interactive sessions, as measured."""
