"""The models of a run: those of `models=` and of its recipes, cut as `overlap=` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from stemwise.jobs import configuration
from stemwise.jobs.run_recipes import load_recipes, with_their_models
from stemwise.jobs.settings import BOTH, EvaluateSettings
from stemwise.models.overlap import FAST, REFERENCE, Overlap, twin, with_overlap
from stemwise.models.spec import ModelSpec
from stemwise.separation.recipe import Recipe


@dataclass(frozen=True)
class RunModels:
    """What a run separates with.

    Attributes:
        specs: the models; with `overlap=both` their fast twins, `NAME-fast`, after all others.
        files: estimates of other tools to measure (None: all found).
        recipes: measured beside the models.
        overlap: how models are cut whose entries do not say it, and so those of a recipe that is fitted.
    """

    specs: list[ModelSpec]
    files: tuple[str, ...] | None
    recipes: list[Recipe]
    overlap: Overlap


def models_of(
    settings: EvaluateSettings, tell: Callable[[str], None] = lambda _: None
) -> RunModels:
    """Return what `models=`, `recipes=` and `overlap=` mean.

    Raises:
        ConfigError: unknown names, or models of one name that are not one model.
    """
    overlap: Overlap = FAST if settings.overlap == FAST else REFERENCE
    specs, files = configuration.models(settings.models)
    recipes = load_recipes(settings.recipes, tell)
    if overlap == FAST:
        recipes = [replace(recipe, overlap=FAST) for recipe in recipes]
    specs = with_their_models([with_overlap(spec, overlap) for spec in specs], recipes)
    if settings.overlap == BOTH:
        names = {spec.name for spec in specs}
        twins = [made for spec in specs if (made := twin(spec)) is not None]
        specs = [*specs, *(made for made in twins if made.name not in names)]
    return RunModels(specs, files, recipes, overlap)
