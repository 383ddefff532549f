"""What there is to choose from, for ``backslide list suites``."""

from __future__ import annotations

from dataclasses import dataclass

from backslide.suites import core
from backslide.suites.load import OWN
from backslide.suites.published import published
from backslide.suites.reading import READERS


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One suite. ``prompts`` is "any" where it depends on the file; ``how`` is what to type."""

    name: str
    prompts: int | str
    source: str
    licence: str
    weakness: str
    how: str


def catalogue() -> tuple[Row, ...]:
    """The suite that is shipped, those that are read from a pinned copy, and files of one's own."""
    shipped = Row(
        name=core.NAME,
        prompts=len(core.load_core()),
        source="shipped with backslide",
        licence=core.LICENCE,
        weakness=core.WEAKNESS,
        how="--suite core",
    )
    pinned = [
        Row(
            name=name,
            prompts=suite.prompts,
            source=suite.source,
            licence=suite.licence,
            weakness=suite.weakness,
            how=f"--suite {name}:PATH",
        )
        for name, suite in published().items()
    ]
    own = Row(
        name="your own file",
        prompts="any",
        source=", ".join(READERS),
        licence="yours",
        weakness=OWN,
        how="--suite PATH",
    )
    return (shipped, *pinned, own)
