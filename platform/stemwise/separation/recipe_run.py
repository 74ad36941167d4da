"""The graph of a recipe: models → blends → level 2 → residuals.

Whoever runs it says how one model hears a signal and where the steps run: one after the other
(`stemwise separate`), or side by side in threads that wait for other processes (serving). The
arithmetic is the same, so the samples are too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from stemwise.audio.raw import Signal
from stemwise.core.types import Audio
from stemwise.separation.ensembles.apply import combined
from stemwise.separation.ensembles.spec import Ensemble, Value, Weights, models_of, sources_of
from stemwise.separation.quality.songs import Origin
from stemwise.separation.recipe import Recipe, refuse_other_stems
from stemwise.separation.spool import Spool

P = ParamSpec("P")
T = TypeVar("T")
# Lets a model hear a signal and spools its estimates in an existing folder.
RunModel = Callable[[str, Signal, Path], Spool]
Stems = dict[str, "Future[Spool]"]
_BLOCK = 1 << 20


class Inline(Executor):
    """Does each task when it is handed over, and raises at once what it raises."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` and return its finished future."""
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def run_recipe(
    recipe: Recipe,
    run_model: RunModel,
    mixture: Signal,
    folder: Path,
    wanted: tuple[str, ...] = (),
    executor: Executor | None = None,
    origins: dict[str, Origin] | None = None,
) -> Stems:
    """Separate `mixture` `(2, samples)`; return for each stem the spool that (among others) holds it.

    Every model runs once per signal that it hears. A task waits only for tasks handed over before
    it, so an executor of any size that starts them in order finishes.

    Args:
        recipe: its stems named (`Recipe.explicit`).
        folder: an existing folder for temporary files.
        wanted: stems to make; empty makes all.
        executor: where the steps run.
        origins: is told what each stem that models make is made of.

    Raises:
        ConfigError: a wanted stem that the recipe lacks. Whatever a model raises is in the futures of
            the stems that need it (with `Inline`, the default, it is raised).
    """
    executor = executor or Inline()
    recipe = recipe.only(wanted)
    origins = {} if origins is None else origins
    top = _Level(run_model, executor, folder / "mixture", origins)
    found = top.blend(recipe.stems, lambda: mixture)
    parents = dict(found)
    for parent, group in recipe.children.items():
        below = _Level(run_model, executor, folder / "children" / parent, origins)
        heard = _Heard(parent, parents[parent])
        made = below.blend(group, heard)
        found |= made
        if parent in recipe.rests:
            found |= below.rest(recipe.rests[parent], heard, made)
    if recipe.remainder is not None:
        found |= top.rest(recipe.remainder, lambda: mixture, parents)
    return {stem: found[stem] for stem in wanted or found}


class _Heard:
    """The signal of a parent, once its spool is finished."""

    def __init__(self, stem: str, spool: Future[Spool]) -> None:
        self._stem, self._spool = stem, spool

    def __call__(self) -> Signal:
        return self._spool.result().read(self._stem)


class _Level:
    """What is made of one signal."""

    def __init__(
        self, run_model: RunModel, executor: Executor, folder: Path, origins: dict[str, Origin]
    ) -> None:
        self._run_model, self._executor, self._folder = run_model, executor, folder
        self._origins = origins
        folder.mkdir(parents=True)

    def blend(self, stems: Mapping[str, Value], heard: Callable[[], Signal]) -> Stems:
        """Hand over the models, then what each stem is made of them."""
        models = list(dict.fromkeys(m for value in stems.values() for m in models_of(value)))
        runs = {
            # a number names the folder: models may be named by paths
            model: self._executor.submit(self._run, model, heard, self._folder / f"model-{number}")
            for number, model in enumerate(models)
        }
        for stem, value in stems.items():
            own = {m: runs[m] for m, source in sources_of(value, stem) if source == stem}
            # no model of an ensemble has a share of its own
            weights = dict.fromkeys(own, 1.0) if isinstance(value, Ensemble) else value
            shares = [abs(weights[model]) for model in own]
            self._origins[stem] = Origin(heard, own, shares)
        return {
            stem: self._executor.submit(self._make, stem, value, runs, heard)
            for stem, value in stems.items()
        }

    def rest(self, name: str, heard: Callable[[], Signal], made: Stems) -> Stems:
        """Hand over what the stems that were `made` leave of what was heard."""
        return {name: self._executor.submit(self._difference, name, heard, made)}

    def _run(self, model: str, heard: Callable[[], Signal], below: Path) -> Spool:
        below.mkdir()
        return self._run_model(model, heard(), below)

    def _make(
        self,
        stem: str,
        value: Value,
        runs: Mapping[str, Future[Spool]],
        heard: Callable[[], Signal],
    ) -> Spool:
        spools = {model: runs[model].result() for model in models_of(value)}
        refuse_other_stems(value, stem, {model: spool.stems for model, spool in spools.items()})
        if not isinstance(value, Ensemble):
            return self._sum(stem, value, spools)
        signals = [spools[model].read(source) for model, source in sources_of(value, stem)]
        out = Spool(self._folder, [stem])
        for stretch in combined(value, signals, heard()):
            out.add(stretch[None])
        return out

    def _sum(self, stem: str, weights: Weights, spools: Mapping[str, Spool]) -> Spool:
        if list(weights.values()) == [1.0]:
            return next(iter(spools.values()))
        signals = [(weight, spools[model].read(stem)) for model, weight in weights.items()]
        out = Spool(self._folder, [stem])
        for start in range(0, signals[0][1].shape[1], _BLOCK):
            out.add(_weighted(signals, slice(start, start + _BLOCK))[None])
        return out

    def _difference(self, name: str, heard: Callable[[], Signal], made: Stems) -> Spool:
        signals = [spool.result().read(stem) for stem, spool in made.items()]
        whole = heard()
        out = Spool(self._folder, [name])
        for start in range(0, whole.shape[1], _BLOCK):
            part = slice(start, start + _BLOCK)
            out.add((whole[:, part] - sum(signal[:, part] for signal in signals))[None])
        return out


def _weighted(signals: Sequence[tuple[float, Signal]], part: slice) -> Audio:
    total: Audio = sum(np.float32(weight) * signal[:, part] for weight, signal in signals)  # type: ignore[assignment]
    return total
