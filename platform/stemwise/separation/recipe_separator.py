"""Running a recipe on one song, without Ray.

Estimates are spooled to disk while they are made, so a recipe of many models on an hour of music
needs the memory of one chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from stemwise.models.registry import ReadyModel, build, prepare, resolve
from stemwise.raw_audio import Signal
from stemwise.separation.recipe import Recipe, Weights, refuse_unknown
from stemwise.separation.separator import Separator
from stemwise.separation.spool import Spool
from stemwise.types import Audio

Progress = Callable[[str, int], None]
_BLOCK = 1 << 20


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
        recipe = self.recipe.only(wanted)
        if recipe.any_stem is not None:
            made = self._whole(recipe.any_stem, mixture, folder, wanted, progress)
        else:
            made = self._blend(recipe.stems, mixture, folder / "mixture", progress)
        levels = [made]
        for parent, group in recipe.children.items():
            below = folder / "children" / parent
            heard = made.read(parent)
            levels.append(self._blend(group, heard, below, progress))
            if parent in recipe.rests:
                levels.append(_remainder(recipe.rests[parent], heard, levels[-1], below))
        if recipe.remainder is not None:
            levels.append(_remainder(recipe.remainder, mixture, made, folder))
        found = {stem: spool for spool in levels for stem in spool.stems}
        return {stem: found[stem] for stem in wanted or found}

    def _separator(self, name: str) -> Separator:
        if name not in self._loaded:
            ready = self._fetch(name)
            residual = ready.spec.residual
            self._loaded[name] = Separator(build(ready), self.device, residual=residual)
        return self._loaded[name]

    def _whole(
        self, model: str, mixture: Signal, folder: Path, wanted: tuple[str, ...], progress: Progress
    ) -> Spool:
        """Return all stems of a model, which must be those wanted and those taken apart."""
        stems = set(self._separator(model).stems_for())
        refuse_unknown(wanted, stems | self.recipe.below(), f"The model {model!r}")
        refuse_unknown(tuple(self.recipe.children), stems, f"The model {model!r}")
        return self._spool(model, mixture, folder, progress)

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
                refuse_unknown((stem,), set(spools[model].stems), f"The model {model!r}")
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
    """Return what the stems that were `made` of a mixture (or parent) leave of it."""
    below = folder / "remainder"
    below.mkdir()
    out = Spool(below, [name])
    signals = [made.read(stem) for stem in made.stems]
    for start in range(0, mixture.shape[1], _BLOCK):
        part = slice(start, start + _BLOCK)
        rest = mixture[:, part] - sum(signal[:, part] for signal in signals)
        out.add(rest[None])
    return out
