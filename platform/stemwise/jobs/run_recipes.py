"""Recipes that a run evaluates beside its models: `recipes=[FILE,…]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stemwise.errors import ConfigError
from stemwise.models.registry import ModelSpec, resolve
from stemwise.separation.recipe import Recipe, load_recipe
from stemwise.types import HELD_OUT


def load_recipes(value: Any) -> list[Recipe]:
    """Return the recipes in the files that `recipes=` lists.

    Raises:
        ConfigError: no recipe file, or two of one name.
    """
    files = [value] if isinstance(value, str) else list(value or ())
    found: dict[str, Recipe] = {}
    for file in map(str, files):
        recipe = load_recipe(file)
        if not recipe.stems:
            raise ConfigError(f"recipes={file} is a model, not a recipe: list it in models=.")
        name = f"{recipe.name}_" if recipe.name == HELD_OUT else recipe.name
        if name in found:
            raise ConfigError(f"recipes= lists two recipes called {name!r}: rename one.")
        found[name] = replace(recipe, name=name)
    return list(found.values())


def with_their_models(specs: Sequence[ModelSpec], recipes: Sequence[Recipe]) -> list[ModelSpec]:
    """Add the models that recipes blend to those of the run."""
    known = {spec.name: spec for spec in specs}
    for recipe in recipes:
        for weights in recipe.stems.values():
            for model in weights:
                if model not in known:
                    known[model] = resolve(model)
    return list(known.values())
