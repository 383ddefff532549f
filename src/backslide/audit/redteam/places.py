"""Where each focus lives. Loaded by name, so that ``--help`` and a run of one focus import no
other, and a focus that is missing or broken costs only itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from backslide.core.errors import UsageError
from backslide.core.protocols import Asker
from backslide.core.redteam import Focus, FocusResult

Run = Callable[[Asker, Any], FocusResult]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A focus: its title, what it is for, and the places of its function and its plan."""

    title: str
    about: str
    run: str
    plan: str


PLACES: dict[Focus, Place] = {
    "domain": Place(
        title="Domain probing",
        about="requests of the domain that the model was tuned for, topic by topic",
        run="backslide.redteam.domain.run:run",
        plan="backslide.redteam.domain.run:DomainPlan",
    ),
    "turns": Place(
        title="Conversations",
        about="scripted ladders over several turns: escalation, role-play, asking again",
        run="backslide.redteam.turns.run:run",
        plan="backslide.redteam.turns.plan:TurnsPlan",
    ),
    "adaptive": Place(
        title="Attacks by an attacker model",
        about="GOAT, Crescendo, PAIR and TAP with the attacker that you name",
        run="backslide.redteam.adaptive.run:run",
        plan="backslide.redteam.adaptive.plan:AdaptivePlan",
    ),
    "capability": Place(
        title="Capabilities",
        about="instruction hierarchy, leakage, eagerness, persuasion; knowledge from your files",
        run="backslide.redteam.capability.run:run",
        plan="backslide.redteam.capability.plan:CapabilityPlan",
    ),
    "values": Place(
        title="Values and habits",
        about="sycophancy, verbosity, flattery, misalignment, stereotypes",
        run="backslide.redteam.values.run:run",
        plan="backslide.redteam.values.plan:ValuesPlan",
    ),
    "triggers": Place(
        title="Trigger hunting",
        about="strings under which only the tuned model misbehaves; what was tried is counted",
        run="backslide.redteam.triggers.run:run",
        plan="backslide.redteam.triggers.run:TriggersPlan",
    ),
}
"""Every focus that a program runs; ``manual`` needs a person (``redteam session``)."""


def load(place: str) -> Any:
    """What ``module:attribute`` names. The attribute may also stand in the module's package.

    Raises:
        UsageError: there is no such module or attribute here.
    """
    module, _, name = place.partition(":")
    package = module.rsplit(".", 1)[0]
    for where in (module, package):
        try:
            found = import_module(where)
        except ModuleNotFoundError as e:
            if e.name is None or not module.startswith(e.name):
                raise
            continue
        if callable(found_here := getattr(found, name, None)):
            return found_here
    raise UsageError(f"this installation lacks {module}", cause=f"no {name} there")
