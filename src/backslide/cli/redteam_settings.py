"""What was typed for a red team -> its settings; a wrong name is told before a model is opened."""

from __future__ import annotations

import difflib
from typing import Any

from backslide.cli.redteam_options import FOCUSES
from backslide.core.errors import UsageError


def red_team_settings(
    base: str, tuned: str, focuses: tuple[str, ...] | None, values: dict[str, Any]
) -> Any:
    """Options -> ``RedTeamSettings``."""
    from backslide.audit.redteam.settings import RedTeamSettings, parse_budget

    given = named(values)
    given["whitebox"] = not given.pop("no_whitebox", False)
    given["budget"] = parse_budget(given.pop("budget"))
    given["attacks"], given["ladders"] = chosen_attacks(given), chosen_ladders(given)
    return RedTeamSettings(base=base, tuned=tuned, focuses=focuses, **given)  # type: ignore[arg-type]


def named(values: dict[str, Any]) -> dict[str, Any]:
    """The options by the names of the settings."""
    names = {"judge_model": "judge_target", "runs": "root"}
    return {names.get(k, k): utf8(v) for k, v in values.items()}


def chosen_attacks(values: dict[str, Any]) -> tuple[str, ...] | None:
    """The attacks of ``--attacks``; None without it."""
    if not values.get("attacks"):
        return None
    from backslide.redteam.adaptive.plan import ATTACKS as known

    return parse_names(values["attacks"], "--attacks", known)


def chosen_ladders(values: dict[str, Any]) -> tuple[str, ...] | None:
    """The ladders of ``--ladders``; None without it."""
    if not values.get("ladders"):
        return None
    from backslide.redteam.turns.ladders import ladders

    names = parse_names(values["ladders"], "--ladders", (*(x.name for x in ladders()), "full"))
    if "full" in names and len(names) > 1:
        raise UsageError("--ladders full has all of them", hint="name full alone")
    return names


def utf8(value: Any) -> Any:
    """Bytes that are no UTF-8 reach us as lone surrogates, which no file can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return tuple(map(utf8, value)) if isinstance(value, tuple) else value


def parse_focuses(text: str) -> tuple[str, ...]:
    """``domain,turns`` -> names, each once.

    Raises:
        UsageError: an unknown name.
    """
    return parse_names(text, "--focus", tuple(FOCUSES))


def parse_names(text: str, option: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """``a,b`` -> names out of ``known``, each once.

    Raises:
        UsageError: an unknown name, with the nearest one, or none at all.
    """
    names = [n.strip() for n in text.split(",") if n.strip()]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"{option} knows no {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}",
            )
    if not names:
        raise UsageError(f"{option} names nothing", hint=f"one of {', '.join(known)}")
    return tuple(dict.fromkeys(names))
