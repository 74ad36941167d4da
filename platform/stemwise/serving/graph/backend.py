"""What every replica opens: the job store, the files, and which recipes there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stemwise.core.errors import ConfigError, OutputError
from stemwise.models.overlap import Overlap
from stemwise.models.registry import build, needs_references, prepare, same_model
from stemwise.models.spec import ModelSpec
from stemwise.separation.recipe import Recipe, load_recipe, refuse_unmade
from stemwise.serving.files.job_files import JobFiles
from stemwise.serving.jobs.store import JobStore
from stemwise.serving.settings import AppArgs


def open_store(args: AppArgs) -> JobStore:
    """Open the job store (see `AppArgs.database_url`)."""
    _made(args)
    return JobStore(args.database_url())


def open_files(args: AppArgs) -> JobFiles:
    """Open the jobs' files (see `AppArgs.files_url`)."""
    return JobFiles(args.files_url(), _made(args) / "cache")


def _made(args: AppArgs) -> Path:
    folder = args.state_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The state folder {folder} cannot be made ({error.strerror}): choose another --state."
        ) from error
    return folder


def served_recipes(
    names: Sequence[str], overlap: Overlap | None = None
) -> tuple[dict[str, Recipe], dict[str, ModelSpec]]:
    """Return the recipes by name, their stems named, and the specs of all their models.

    `overlap` None cuts the models of each recipe as it was measured.

    Raises:
        ConfigError: no such recipe or model, one name twice, a model that needs the true stems, or a
            stem that none of its models makes.
    """
    recipes: dict[str, Recipe] = {}
    specs: dict[str, ModelSpec] = {}
    for name in names:
        recipe = load_recipe(name)
        recipe = recipe if overlap is None else replace(recipe, overlap=overlap)
        if recipe.name in recipes:
            raise ConfigError(f"The recipe {recipe.name!r} is given twice: leave one out.")
        for model in recipe.models():
            _add(specs, model, _servable(recipe, model))
        if recipe.any_stem is not None:
            recipe = recipe.explicit(_stems(specs[recipe.any_stem]))
        _check(recipe, specs)
        recipes[recipe.name] = recipe
    names_of = [spec.name for spec in specs.values()]
    twice = [name for name in names_of if names_of.count(name) > 1]
    if twice:
        raise _two_models(twice[0])
    if not recipes:
        raise ConfigError("There is no recipe to serve: name one with --recipe.")
    return recipes, specs


def _add(specs: dict[str, ModelSpec], model: str, spec: ModelSpec) -> None:
    """Add a recipe's model; one of the same name that is another model would be one deployment."""
    if not same_model(specs.setdefault(model, spec), spec):
        raise _two_models(spec.name)


def _two_models(name: str) -> ConfigError:
    return ConfigError(
        f"Two different models are called {name!r}: give one another name, or serve recipes of one "
        "overlap (--set overlap=fast or reference)."
    )


def _servable(recipe: Recipe, model: str) -> ModelSpec:
    spec = recipe.spec(model)
    if needs_references(spec):
        raise ConfigError(f"The model {model!r} needs the true stems: it cannot be served.")
    return spec


def _stems(spec: ModelSpec) -> tuple[str, ...]:
    """Return a model's stems, from its checkpoint where its entry does not say them."""
    return spec.with_residual(spec.stems or build(prepare(spec)).stems)


def _check(recipe: Recipe, specs: Mapping[str, ModelSpec]) -> None:
    """Refuse a recipe that would fail with the first song."""
    told = {model: specs[model] for model in recipe.models()}
    refuse_unmade(recipe, {m: _stems(spec) if spec.stems else () for m, spec in told.items()})
