"""Recipes that a run evaluates beside its models: `recipes=[FILE,…]`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from stemwise.core.errors import ConfigError
from stemwise.core.stems import MIXTURE
from stemwise.core.types import HELD_OUT
from stemwise.models.overlap import with_overlap
from stemwise.models.registry import same_model, with_digests_of
from stemwise.models.spec import ModelSpec
from stemwise.separation.ensembles.spec import sources_of
from stemwise.separation.recipe import Recipe, load_recipe


def load_recipes(
    files: Sequence[str], tell: Callable[[str], None] = lambda _: None
) -> list[Recipe]:
    """Return the recipes in the files that `recipes=` lists.

    A run scores what it fits itself as `recipe:deployable`, so a given recipe of that name gets
    another, of which `tell` is told.

    Raises:
        ConfigError: no recipe file, or two of one name.
    """
    found: dict[str, Recipe] = {}
    for file in files:
        recipe = load_recipe(file)
        if not recipe.stems:
            raise ConfigError(f"recipes={file} is a model, not a recipe: list it in models=.")
        name = recipe.name
        if name == HELD_OUT:
            name = f"{HELD_OUT}_"
            tell(
                f"{file} is called {name!r} here, since {HELD_OUT!r} is what this run fits itself."
            )
        if name in found:
            raise ConfigError(f"recipes= lists two recipes called {name!r}: rename one.")
        found[name] = replace(recipe, name=name)
    return list(found.values())


def with_their_models(specs: Sequence[ModelSpec], recipes: Sequence[Recipe]) -> list[ModelSpec]:
    """Add the models that recipes blend to those of the run.

    Raises:
        ConfigError: a model that a recipe names by its file, that does not make the stem, or that is
            another than the run's or another recipe's of the same name.
    """
    known = {spec.name: spec for spec in specs}
    for recipe in recipes:
        for stem, value in recipe.stems.items():
            for model, source in sources_of(value, stem):
                own = recipe.spec(model) if model in recipe.entries or model not in known else None
                spec = known.setdefault(model, own or known[model])
                if own is not None and not same_model(spec, own):
                    raise ConfigError(
                        f"The recipe {recipe.name!r} has a model {model!r} of its own that differs "
                        "from the one of that name in models= or another recipe: rename one."
                    )
                refuse_other_overlap(recipe, spec)
                if own is not None:  # a recipe knows the digests of its files: they are checked
                    known[model] = with_digests_of(spec, own)
                _check(recipe, source, model, known[model])
    return list(known.values())


def refuse_other_overlap(recipe: Recipe, spec: ModelSpec) -> None:
    """Refuse a recipe that would not be measured as it is run (ConfigError)."""
    if with_overlap(spec, recipe.overlap) != spec:
        raise ConfigError(
            f"The recipe {recipe.name!r} is of overlap={recipe.overlap}, but this run's {spec.name} is "
            f"not: add overlap={recipe.overlap}."
        )


def _check(recipe: Recipe, stem: str, model: str, spec: ModelSpec) -> None:
    if spec.name != model:
        raise ConfigError(
            f"The recipe {recipe.name!r} names a model by its file {model}: list that in models= and "
            f"write its name, {spec.name}, in the recipe."
        )
    if spec.parent != MIXTURE or (spec.stems and stem not in spec.with_residual(spec.stems)):
        raise ConfigError(
            f"The recipe {recipe.name!r} takes {stem} from {model!r}, which does not make it of a "
            "mixture."
        )
