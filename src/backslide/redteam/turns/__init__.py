"""Scripted multi-turn ladders: does refusal last when the request comes wrapped, late or again?"""

from backslide.redteam.turns.plan import TurnsPlan
from backslide.redteam.turns.run import run

__all__ = ["TurnsPlan", "run"]
