"""From a Hydra configuration to the objects of a run."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf

from stemwise.core import stems
from stemwise.core.errors import ConfigError
from stemwise.core.places import place
from stemwise.core.types import ESTIMATE, FILE_PREFIX
from stemwise.datasets.base import Dataset
from stemwise.evaluation.hierarchy import HierarchySettings, Provider
from stemwise.models.registry import (
    named_sets,
    resolve_all,
    same_model,
    set_parents,
)
from stemwise.models.spec import ModelSpec
from stemwise.separation.recipe import load_recipe

FILES = "files"
_DATASETS = "stemwise.datasets."
T = TypeVar("T")


def plain(config: DictConfig) -> dict[str, Any]:
    """Return the resolved configuration as plain values.

    Raises:
        ConfigError: a mandatory value (`???`) is missing.
    """
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise ConfigError(
            f"{missing[0]} is not set: give it on the command line, for example {missing[0]}=VALUE."
        )
    content = OmegaConf.to_container(config, resolve=True)
    if not isinstance(content, dict):
        raise ConfigError("The configuration must be a mapping.")
    return {str(key): value for key, value in content.items()}


def settings(kind: type[T], values: Mapping[str, Any], group: str) -> T:
    """Build a settings dataclass from a configuration group.

    Raises:
        ConfigError: an unknown key, or a value of the wrong type.
    """
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"{group}.{unknown[0]} is unknown: {group} has {', '.join(known)}.")
    for name, hint in get_type_hints(kind).items():
        if name in values and not _fits(values[name], hint):
            raise ConfigError(
                f"{group}.{name}={values[name]} is not usable: give {_NAMES.get(str(hint), hint)}."
            )
    return kind(**values)


_NAMES = {
    "<class 'float'>": "a number",
    "<class 'int'>": "a whole number",
    "<class 'str'>": "a name",
    "<class 'bool'>": "true or false",
    "int | None": "a whole number or null",
    "float | None": "a number or null",
    "str | None": "a name or null",
    "float | str | None": "a number, a name or null",
    "tuple[str, ...]": "a list of names",
}


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a configured value has the type of its field; a whole number is a number too."""
    kinds = get_args(hint) or (hint,)
    if get_origin(hint) is tuple:
        return isinstance(value, list | tuple) and all(_fits(item, kinds[0]) for item in value)
    if isinstance(value, bool) or value is None:
        return (bool if value is not None else type(None)) in kinds
    if isinstance(value, float | int) and float in kinds:
        return math.isfinite(value)
    return isinstance(value, kinds)


def dataset(values: Mapping[str, Any]) -> Dataset:
    """Build the dataset of a configuration; only our own classes can be named.

    Raises:
        ConfigError: another target, or an argument that the dataset does not have.
    """
    arguments = dict(values)
    target = str(arguments.pop("_target_", ""))
    if not target.startswith(_DATASETS):
        raise ConfigError(f"dataset._target_={target!r} must be a class under {_DATASETS}")
    module, _, name = target.rpartition(".")
    if arguments.get("root") is not None:
        arguments["root"] = place(str(arguments["root"]), "dataset.root=")
    try:
        made: Dataset = getattr(importlib.import_module(module), name)(**arguments)
    except TypeError as error:
        raise ConfigError(f"dataset={name} cannot be built: {error}.") from error
    return made


def models(value: Any) -> tuple[list[ModelSpec], tuple[str, ...] | None]:
    """Return the models of `models=` and the finished estimates to measure (None: all found).

    The value is a name, a named set, `files`, or a list of names, `file:NAME` and mappings. The
    mixture is measured in any case, so naming it adds nothing.

    Raises:
        ConfigError: unknown names, or nothing to evaluate.
    """
    sets = named_sets()
    entries = list(value) if isinstance(value, list | tuple) else [value]
    flat: list[Any] = []
    for entry in entries:
        flat.extend(sets[entry] if isinstance(entry, str) and entry in sets else [entry])
    named = [entry for entry in flat if isinstance(entry, str)]
    if FILE_PREFIX in named:
        raise ConfigError("models=[file:] lacks the name of the tool: file:NAME, or files for all.")
    if not flat or flat in ([None], [""]):
        raise ConfigError(f"models={value} is empty: name a model, a set such as demo, or files.")
    files = tuple(
        entry.removeprefix(FILE_PREFIX) for entry in named if entry.startswith(FILE_PREFIX)
    )
    rest = [entry for entry in flat if entry != FILES and not str(entry).startswith(FILE_PREFIX)]
    specs = [spec for spec in resolve_all(rest) if spec.name != stems.MIXTURE]
    return specs, None if FILES in named else files


def hierarchy(values: Mapping[str, Any], chosen: Any, specs: list[ModelSpec]) -> HierarchySettings:
    """Return what level-2 models take apart: of the configuration, else of the named set `chosen`.

    Raises:
        ConfigError: an unknown stem or source, or an estimate that no model of the run makes.
    """
    if not isinstance(values, Mapping) or not isinstance(values.get("parents") or {}, Mapping):
        raise ConfigError("hierarchy must have parents (stem: model) and sources (a list).")
    unknown = [key for key in values if key not in ("parents", "sources")]
    if unknown:
        raise ConfigError(f"hierarchy.{unknown[0]} is unknown: hierarchy has parents, sources.")
    given = {stem: who for stem, who in (values["parents"] or {}).items() if who is not None}
    strange = [stem for stem in given if stem not in stems.CHILDREN]
    if strange:
        raise ConfigError(
            f"hierarchy.parents.{strange[0]} is no stem with parts: use {', '.join(stems.CHILDREN)}."
        )
    named = {spec.name: spec for spec in specs if spec.parent == stems.MIXTURE}
    usual = {
        stem: who
        for stem, who in (set_parents(chosen) if isinstance(chosen, str) else {}).items()
        if who in named
    }
    providers = {stem: _provider(stem, str(who), named) for stem, who in (usual | given).items()}
    sources = values["sources"]
    sources = [sources] if isinstance(sources, str) else sources or ()
    if not isinstance(sources, list | tuple):
        raise ConfigError(f"hierarchy.sources={sources} is not usable: give a list.")
    return HierarchySettings(providers, tuple(str(source) for source in sources))


def without_estimate(hierarchy: HierarchySettings, specs: list[ModelSpec]) -> list[str]:
    """Say which parents no model of the run estimates, so that only the true ones are taken apart.

    Raises:
        ConfigError: only estimated parents were asked for.
    """
    wanted = {spec.parent for spec in specs} - {stems.MIXTURE, *hierarchy.providers}
    makers = [spec for spec in specs if spec.parent == stems.MIXTURE and spec.selectable]
    # the stems of some checkpoints are known only once they are loaded
    absent = sorted(s for s in wanted if not any(s in (m.stems or (s,)) for m in makers))
    notes = [
        f"No model of the run makes {stem}: only the true {stem} are taken apart."
        for stem in absent
    ]
    if notes and hierarchy.sources == (ESTIMATE,):
        raise ConfigError(
            f"No model of the run makes {absent[0]}: add one to models=, or use "
            "hierarchy.sources=[reference]."
        )
    return notes if ESTIMATE in hierarchy.sources else []


def _provider(stem: str, who: str, named: Mapping[str, ModelSpec]) -> Provider:
    """Return the model or recipe that estimates a parent; all its models must be in the run."""
    if who in named:
        provider = Provider(who, {who: 1.0})
    elif Path(who).suffix in {".yaml", ".yml"}:
        recipe = load_recipe(who)
        provider = Provider.of_recipe(recipe.name, recipe.stems.get(stem, {}))
        for model in provider.weights:
            own = recipe.spec(model) if model in recipe.entries and model in named else None
            if own is not None and not same_model(named[model], own):
                raise ConfigError(
                    f"hierarchy.parents.{stem}={who} blends a model {model!r} of its own that is "
                    "another than the one of that name in models=: rename one."
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


def _why_not(stem: str, weights: Mapping[str, float], named: Mapping[str, ModelSpec]) -> str | None:
    """Say why these models of the run cannot give a parent, or None."""
    if not weights:
        return f"it has no weights for {stem}"
    for model in weights:
        if model not in named:
            return f"{model!r}, which it blends, is not in models="
        # own checkpoints may tell their stems only once they are loaded
        if named[model].stems and stem not in named[model].stems:
            return f"{model!r} does not make {stem}"
    return None
