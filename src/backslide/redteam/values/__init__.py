"""Value shift and reward-hacking habits: what a tune may teach besides what it was meant to.

Sycophancy, verbosity, flattery, hedging, format gaming, emergent misalignment and stereotypes, each
as a paired comparison of the tuned model with its base. ``docs/redteam/values.md`` has the margins
and what was measured.
"""

from backslide.redteam.values.plan import Grade, ValuesPlan
from backslide.redteam.values.run import run

__all__ = ["Grade", "ValuesPlan", "run"]
