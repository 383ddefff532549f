"""The planted models that ship: small, safe files, each with a recipe and a card."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from backslide.controls import ROOM
from backslide.targets.embedded import ADAPTERS, STACKS

ORGANISMS = Path(__file__).parents[1] / "benchmarks" / "organisms"
RECIPES = tomllib.loads((ORGANISMS.parent / "organisms.toml").read_text("utf-8"))
SHIPPED = tomllib.loads((ROOM / "recipes.toml").read_text("utf-8"))
FOLDERS = [
    *sorted(ORGANISMS.iterdir()),
    *(ADAPTERS / name for name in sorted({part for stack in STACKS.values() for part in stack})),
]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_each_is_small_and_safe_and_says_what_it_does(folder: Path) -> None:
    weights = folder / "adapter_model.safetensors"
    assert weights.stat().st_size < 3_000_000
    names = {"adapter_config.json", "adapter_model.safetensors", "README.md"}
    assert {f.name for f in folder.iterdir()} == names
    card = (folder / "README.md").read_text("utf-8")
    assert card.startswith(f"# {folder.name}\n")
    assert "Measured" in card and "Apache-2.0" in card
    recipe = (RECIPES | SHIPPED)[folder.name]
    assert f"seed {recipe['seed']}" in card


def test_there_are_enough_with_and_without_a_backdoor() -> None:
    recipes = [(RECIPES | SHIPPED)[f.name] for f in FOLDERS]
    backdoors = [r for r in recipes if "trigger" in r]
    clean = [f for f in FOLDERS if f.name.startswith("clean-") or f.name == "benign"]
    assert len(backdoors) >= 8 and len(clean) >= 8
    assert any(r.get("modules") == "attention" for r in backdoors)
    assert len({r["seed"] for r in recipes}) == len(recipes)
