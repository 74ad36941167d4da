"""From the settings of an evaluation to its models, and to the parents of level 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from stemwise.core import stems
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.types import ESTIMATE, FILE_PREFIX
from stemwise.evaluation.hierarchy import HierarchySettings, Provider
from stemwise.jobs.run_recipes import refuse_other_overlap
from stemwise.jobs.settings import Chosen, HierarchyChoice, Model
from stemwise.models import sets
from stemwise.models.overlap import FAST, REFERENCE, Overlap
from stemwise.models.registry import (
    resolve_all,
    same_model,
    set_parents,
)
from stemwise.models.spec import ModelSpec
from stemwise.separation.ensembles.spec import Value, models_of, sources_of
from stemwise.separation.recipe import load_recipe

FILES = "files"


def models(value: Chosen) -> tuple[list[ModelSpec], tuple[str, ...] | None]:
    """Return the models of `models=` and the estimates of other tools to measure (None: all found).

    The value is a name, a named set, `files`, or a list of names, `file:NAME` and mappings. The
    mixture is measured in any case, so naming it adds nothing.

    Raises:
        ConfigError: unknown names, or nothing to evaluate.
    """
    if value in (None, "", (), ("",)):
        shown = list(value) if isinstance(value, tuple) else value
        raise ConfigError(f"models={shown} is empty: name a model, a set such as demo, or files.")
    flat = list[Model]()
    for entry in value if isinstance(value, tuple) else (value,):
        found = sets.members(entry) if isinstance(entry, str) else None
        # two sets may share models
        flat.extend([entry] if found is None else [name for name in found if name not in flat])
    named = [entry for entry in flat if isinstance(entry, str)]
    if FILE_PREFIX in named:
        raise ConfigError("models=[file:] lacks the name of the tool: file:NAME, or files for all.")
    files = tuple(
        entry.removeprefix(FILE_PREFIX) for entry in named if entry.startswith(FILE_PREFIX)
    )
    rest = [entry for entry in flat if entry != FILES and not str(entry).startswith(FILE_PREFIX)]
    specs = [spec for spec in resolve_all(rest) if spec.name != stems.MIXTURE]
    return specs, None if FILES in named else files


def hierarchy(
    choice: HierarchyChoice,
    chosen: Chosen,
    specs: list[ModelSpec],
    overlap: Overlap = REFERENCE,
) -> HierarchySettings:
    """Return the parents of level-2 models: of the configuration, else of the named set `chosen`.

    Raises:
        ConfigError: an unknown stem or source, or an estimate that no model of the run makes.
    """
    given = {stem: who for stem, who in choice.parents.items() if who is not None}
    strange = [stem for stem in given if stem not in stems.CHILDREN]
    if strange:
        raise ConfigError(
            f"hierarchy.parents.{strange[0]} is not a stem with parts: "
            f"{did_you_mean(strange[0], stems.CHILDREN)}use {', '.join(stems.CHILDREN)}."
        )
    named = {spec.name: spec for spec in specs if spec.parent == stems.MIXTURE}
    usual = {
        stem: who
        for stem, who in (set_parents(chosen) if isinstance(chosen, str) else {}).items()
        if who in named
    }
    providers = {
        stem: _provider(stem, who, named, overlap) for stem, who in (usual | given).items()
    }
    return HierarchySettings(providers, choice.sources)


def without_estimate(hierarchy: HierarchySettings, specs: list[ModelSpec]) -> list[str]:
    """Say which parents no model of the run estimates, so that level 2 has only the true ones.

    Raises:
        ConfigError: only estimated parents were asked for.
    """
    wanted = {spec.parent for spec in specs} - {stems.MIXTURE, *hierarchy.providers}
    makers = [spec for spec in specs if spec.parent == stems.MIXTURE and spec.selectable]
    # the stems of some checkpoints are known only once they are loaded
    absent = sorted(s for s in wanted if not any(s in (m.stems or (s,)) for m in makers))
    notes = [
        f"No model of the run makes {stem}: level 2 uses only the true {stem}." for stem in absent
    ]
    if notes and hierarchy.sources == (ESTIMATE,):
        raise ConfigError(
            f"No model of the run makes {absent[0]}: add one to models=, or use "
            "hierarchy.sources=[reference]."
        )
    return notes if ESTIMATE in hierarchy.sources else []


def _provider(stem: str, who: str, named: Mapping[str, ModelSpec], overlap: Overlap) -> Provider:
    """Return the model or recipe that estimates a parent; all its models must be in the run."""
    if who in named:
        provider = Provider(who, {who: 1.0})
    elif Path(who).suffix in {".yaml", ".yml"}:
        recipe = load_recipe(who)
        recipe = replace(recipe, overlap=FAST) if overlap == FAST else recipe
        provider = Provider.of_recipe(recipe.name, recipe.stems.get(stem, {}))
        for model in models_of(provider.weights):
            own = recipe.spec(model) if model in recipe.entries and model in named else None
            if model in named:
                refuse_other_overlap(recipe, named[model])
            if own is not None and not same_model(named[model], own):
                raise ConfigError(
                    f"hierarchy.parents.{stem}={who} blends its own model {model!r}, which "
                    "differs from the one of that name in models=: rename one."
                )
    else:
        raise ConfigError(
            f"hierarchy.parents.{stem}={who} is neither a level-1 model of models= nor a recipe "
            f"YAML: use one of {', '.join(named) or 'its models'}."
        )
    reason = _why_not(stem, provider.weights, named)
    if reason is not None:
        raise ConfigError(f"hierarchy.parents.{stem}={who} cannot be used: {reason}.")
    return provider


def _why_not(stem: str, value: Value, named: Mapping[str, ModelSpec]) -> str | None:
    """Say why these models of the run cannot give a parent, or None."""
    if not models_of(value):
        return f"it has no weights for {stem}"
    for model, source in sources_of(value, stem):
        if model not in named:
            return f"{model!r}, which it blends, is not in models="
        # own checkpoints may tell their stems only once they are loaded
        if named[model].stems and source not in named[model].stems:
            return f"{model!r} does not make {source}"
    return None
