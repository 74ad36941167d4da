"""Recipes: for every stem a weighted set of models, run on one song without Ray.

Estimates are spooled to disk while they are made, so a recipe of many models on an hour of music
needs the memory of one chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.config import load_yaml
from stemwise.errors import ConfigError
from stemwise.models.registry import ReadyModel, build, prepare, resolve
from stemwise.raw_audio import Signal
from stemwise.separation.separator import Separator
from stemwise.separation.spool import Spool
from stemwise.stems import check_name
from stemwise.types import Audio

Weights = Mapping[str, float]
Progress = Callable[[str, int], None]
_BLOCK = 1 << 20
_KEYS = ("name", "sample_rate", "stems", "children", "remainder", "provenance")


@dataclass(frozen=True)
class Recipe:
    """Which models make which stem, with what weights (DESIGN: recipe YAML).

    `stems` and `children[parent]` map a stem to model weights; `remainder` names the stem that
    receives mixture − Σ level-1 stems. `any_stem` is a model whose own stems are all wanted.
    """

    name: str
    stems: Mapping[str, Weights] = field(default_factory=dict)
    children: Mapping[str, Mapping[str, Weights]] = field(default_factory=dict)
    remainder: str | None = None
    any_stem: str | None = None

    def only(self, wanted: tuple[str, ...]) -> Recipe:
        """Return the recipe cut down to `wanted` stems; `wanted` may be checked only when run."""
        if self.any_stem is not None or not wanted:
            return self
        children = {
            parent: {stem: weights for stem, weights in group.items() if stem in wanted}
            for parent, group in self.children.items()
        }
        children = {parent: group for parent, group in children.items() if group}
        keep_all = self.remainder in wanted
        kept = {s: w for s, w in self.stems.items() if keep_all or s in wanted or s in children}
        known = {
            *self.stems,
            *(s for group in self.children.values() for s in group),
            self.remainder,
        }
        _refuse_unknown(wanted, {stem for stem in known if stem}, self.name)
        return Recipe(self.name, kept, children, self.remainder if keep_all else None)


def load_recipe(name: str) -> Recipe:
    """Return the recipe in a YAML file, or the one that is a single model of the zoo.

    Raises:
        ConfigError: neither, or malformed.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        content = load_yaml(path)
        if "stems" in content:
            return _parse(content, path)
    return Recipe(name=str(resolve(name).name), any_stem=name)


def _parse(content: Mapping[str, Any], path: Path) -> Recipe:
    unknown = [str(key) for key in content if key not in _KEYS]
    if unknown:
        raise ConfigError(f"{path}: {unknown[0]!r} is no key of a recipe: use {', '.join(_KEYS)}.")
    try:
        stems = {check_name(stem): _weights(value) for stem, value in content["stems"].items()}
        children = {
            check_name(parent): {check_name(stem): _weights(w) for stem, w in group.items()}
            for parent, group in (content.get("children") or {}).items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path} is not a recipe ({error}): stems must map a stem to {{model: weight}}."
        ) from error
    if not stems:
        raise ConfigError(f"{path} is not a recipe: it has no stems.")
    remainder = content.get("remainder")
    names = [*stems, *(stem for group in children.values() for stem in group)]
    remainder = None if remainder is None else check_name(str(remainder))
    names += [remainder] if remainder else []
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"{path}: the stem {twice[0]!r} is made twice.")
    orphans = [parent for parent in children if parent not in stems]
    if orphans:
        raise ConfigError(f"{path}: children of {orphans[0]!r}, which is not among its stems.")
    rate = content.get("sample_rate", 44_100)
    if rate != 44_100:
        raise ConfigError(f"{path}: sample_rate {rate} is not supported, only 44100.")
    name = str(content.get("name", path.stem))
    return Recipe(name, stems, children, remainder)


def _weights(value: Mapping[str, Any]) -> Weights:
    weights = {str(model): float(weight) for model, weight in value.items()}
    if not weights or not all(np.isfinite(list(weights.values()))):
        raise ValueError(f"weights {value!r}")
    return weights


def _refuse_unknown(wanted: tuple[str, ...], known: set[str], name: str) -> None:
    unknown = [stem for stem in wanted if stem not in known]
    if unknown:
        raise ConfigError(f"{name} has no stem {unknown[0]!r}: it has {', '.join(sorted(known))}.")


class RecipeSeparator:
    """Separates songs with a recipe; models are loaded once, when they are first needed.

    Args:
        recipe: what to make.
        device: see `Separator`.
        fetch: returns a model's verified checkpoints (`registry.prepare` with a progress display).
    """

    def __init__(
        self,
        recipe: Recipe,
        device: str = "auto",
        fetch: Callable[[str], ReadyModel] = lambda name: prepare(resolve(name)),
    ) -> None:
        self.recipe, self.device, self._fetch = recipe, device, fetch
        self._loaded: dict[str, Separator] = {}

    def __call__(
        self,
        mixture: Signal,
        folder: Path,
        wanted: tuple[str, ...] = (),
        progress: Progress = lambda *_: None,
    ) -> dict[str, Spool]:
        """Separate `mixture` `(2, samples)` and return for each stem the spool that holds it.

        Args:
            mixture: may lie on disk.
            folder: an existing folder for temporary files.
            wanted: stems to make; empty makes all.
            progress: called with (model, samples finished).

        Raises:
            ConfigError: a wanted stem, or one that a weight refers to, that no model makes.
        """
        if self.recipe.any_stem is not None:
            return self._whole(self.recipe.any_stem, mixture, folder, wanted, progress)
        recipe = self.recipe.only(wanted)
        made = self._blend(recipe.stems, mixture, folder / "mixture", progress)
        levels = [made]
        for parent, group in recipe.children.items():
            below = folder / "children" / parent
            levels.append(self._blend(group, made.read(parent), below, progress))
        if recipe.remainder is not None:
            levels.append(_remainder(recipe.remainder, mixture, made, folder))
        found = {stem: spool for spool in levels for stem in spool.stems}
        return {stem: found[stem] for stem in wanted or found}

    def _separator(self, name: str) -> Separator:
        if name not in self._loaded:
            self._loaded[name] = Separator(build(self._fetch(name)), self.device)
        return self._loaded[name]

    def _whole(
        self, model: str, mixture: Signal, folder: Path, wanted: tuple[str, ...], progress: Progress
    ) -> dict[str, Spool]:
        stems = self._separator(model).stems_for()
        _refuse_unknown(wanted, set(stems), f"The model {model!r}")
        made = self._spool(model, mixture, folder, progress)
        return dict.fromkeys(wanted or stems, made)

    def _spool(self, model: str, mixture: Signal, folder: Path, progress: Progress) -> Spool:
        separator = self._separator(model)
        below = folder / "models" / model.replace("/", "_")
        below.mkdir(parents=True)
        spool = Spool(below, separator.stems_for())
        for part in separator.stream(mixture, progress=lambda done: progress(model, done)):
            spool.add(part.numpy())
        return spool

    def _blend(
        self, stems: Mapping[str, Weights], mixture: Signal, folder: Path, progress: Progress
    ) -> Spool:
        """Return Σ weight·estimate for each stem."""
        folder.mkdir(parents=True)
        models = list(dict.fromkeys(model for weights in stems.values() for model in weights))
        spools = {model: self._spool(model, mixture, folder, progress) for model in models}
        for stem, weights in stems.items():
            for model in weights:
                _refuse_unknown((stem,), set(spools[model].stems), f"The model {model!r}")
        signals = {
            stem: [(weight, spools[model].read(stem)) for model, weight in weights.items()]
            for stem, weights in stems.items()
        }
        out = Spool(folder, stems)
        for start in range(0, mixture.shape[1], _BLOCK):
            part = slice(start, start + _BLOCK)
            out.add(np.stack([_weighted(signals[stem], part) for stem in stems]))
        return out


def _weighted(signals: Sequence[tuple[float, Signal]], part: slice) -> Audio:
    total: Audio = sum(np.float32(weight) * signal[:, part] for weight, signal in signals)  # type: ignore[assignment]
    return total


def _remainder(name: str, mixture: Signal, made: Spool, folder: Path) -> Spool:
    below = folder / "remainder"
    below.mkdir()
    out = Spool(below, [name])
    signals = [made.read(stem) for stem in made.stems]
    for start in range(0, mixture.shape[1], _BLOCK):
        part = slice(start, start + _BLOCK)
        rest = mixture[:, part] - sum(signal[:, part] for signal in signals)
        out.add(rest[None])
    return out
