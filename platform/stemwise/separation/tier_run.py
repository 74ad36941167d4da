"""Tiers of a recipe run one after another; every model hears a signal once.

Whoever runs them says what becomes of each tier's stems, and when to stop: `stemwise separate` and the
service have this in common, as they have `run_recipe`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from threading import Lock

from stemwise.audio.raw import RawAudio, Signal
from stemwise.separation.ensembles.spec import sources_of
from stemwise.separation.promise import features_of
from stemwise.separation.quality import Interval
from stemwise.separation.quality.songs import Origin, predicted
from stemwise.separation.recipe import Recipe
from stemwise.separation.recipe_run import RunModel, Stems, run_recipe
from stemwise.separation.spool import Spool


class TierRun:
    """The tiers of a recipe on one song; a recipe without tiers is its only one.

    Args:
        recipe: its stems named (`Recipe.explicit`).
        run_model, mixture, folder, wanted, executor: as `run_recipe` has them.
    """

    def __init__(
        self,
        recipe: Recipe,
        run_model: RunModel,
        mixture: Signal,
        folder: Path,
        wanted: tuple[str, ...] = (),
        executor: Executor | None = None,
    ) -> None:
        self.recipe, self.tiers = recipe, recipe.tiers or (recipe,)
        self._once = _Once(run_model)
        self._mixture, self._folder = mixture, folder
        self._wanted, self._executor = wanted, executor
        self._origins: dict[int, dict[str, Origin]] = {}

    def make(self, number: int) -> Stems:
        """Separate with a tier; raises as `run_recipe`."""
        below = self._folder / f"tier-{number}"
        below.mkdir()
        origins = self._origins[number] = {}
        return run_recipe(
            self.tiers[number],
            self._once,
            self._mixture,
            below,
            self._wanted,
            self._executor,
            origins,
        )

    def predicted(self, number: int, made: Mapping[str, Spool]) -> dict[str, Interval]:
        """Return the SNR in dB that a tier's recipe predicts of its finished stems (`quality`)."""
        return predicted(self.tiers[number].quality, self._origins[number], made)

    def promised(self, number: int, made: Stems) -> float | None:
        """Return the dB that a tier promises over the one before, of which `made` are the stems.

        None where nothing is promised of what was asked for: such a tier is always worth it.
        """
        promise = self.tiers[number].promise
        if promise is None:
            return None
        before = self.tiers[number - 1].only(self._wanted)
        found: dict[str, dict[str, float]] = {
            stem: self._features(before, stem, made[stem].result())
            if promise.needs_features()
            else {}
            for stem in before.stems
            if stem in made
        }
        return promise.of(found)

    def worth(self, number: int, made: Stems) -> bool:
        """Tell whether a tier is worth it on this song, given the stems of the one before."""
        gain = self.promised(number, made)
        return gain is None or gain >= self.recipe.worth_db

    def _features(self, tier: Recipe, stem: str, spool: Spool) -> dict[str, float]:
        sources = sources_of(tier.stems[stem], stem)
        models = [self._once.heard(model, self._mixture).read(own) for model, own in sources]
        return features_of(self._mixture, spool.read(stem), models)


class _Once:
    """Lets each model hear each signal once, and remembers its estimates."""

    def __init__(self, run_model: RunModel) -> None:
        self._run_model, self._lock = run_model, Lock()
        self._runs: dict[tuple[str, Hashable], Future[Spool]] = {}

    def __call__(self, model: str, signal: Signal, folder: Path) -> Spool:
        key = _key(model, signal)
        with self._lock:
            known = self._runs.get(key)
            run = self._runs[key] = Future() if known is None else known
        if known is None:
            try:
                run.set_result(self._run_model(model, signal, folder))
            except BaseException as error:
                with self._lock:  # a later tier may try again
                    del self._runs[key]
                run.set_exception(error)
                raise
        return run.result()

    def heard(self, model: str, signal: Signal) -> Spool:
        """Return what a model has made of a signal that it has heard."""
        return self._runs[_key(model, signal)].result()


def _key(model: str, signal: Signal) -> tuple[str, Hashable]:
    # an array in memory is the song itself, which lives as long as the run
    return model, signal if isinstance(signal, RawAudio) else id(signal)
