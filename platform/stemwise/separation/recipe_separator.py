"""Running a recipe on one song, without Ray.

Estimates are spooled to disk while they are made, so a recipe of many models on an hour of music
needs the memory of one chunk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from stemwise.audio.raw import Signal
from stemwise.core.errors import ModelError
from stemwise.core.precision import AUTO, Choice
from stemwise.models.registry import ReadyModel, build, prepare
from stemwise.separation.device.decisions import Decisions
from stemwise.separation.quality import Interval
from stemwise.separation.recipe import Recipe
from stemwise.separation.separator import Separator
from stemwise.separation.spool import Spool
from stemwise.separation.tier_run import TierRun

Progress = Callable[[str, int], None]


class _OutOfTimeError(Exception):
    """A tier is not ready in time."""


class RecipeSeparator:
    """Separates songs with a recipe; models are loaded once, when they are first needed.

    Several threads may call it, each for a song of its own.

    Args:
        recipe: what to make.
        device: see `Separator`.
        fetch: makes the recipe's model of a name ready, for example with a progress display.
        precision: see `Separator`.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: str = "auto",
        fetch: Callable[[str], ReadyModel] | None = None,
        precision: Choice = AUTO,
    ) -> None:
        self.recipe, self.device, self.precision = recipe, device, precision
        self._fetch = fetch or (lambda name: prepare(recipe.spec(name)))
        self._loaded: dict[str, Separator] = {}
        self._loading = threading.Lock()
        self._gpu = threading.Lock()

    def stems(self) -> tuple[str, ...]:
        """Return all stems; a model whose entry does not name its own is loaded for that."""
        recipe = self.recipe
        if recipe.any_stem is not None:
            spec = recipe.spec(recipe.any_stem)
            told = spec.with_residual(spec.stems) if spec.stems else ()
            recipe = recipe.explicit(told or self._separator(recipe.any_stem).stems_for())
        return recipe.all_stems()

    def __call__(
        self,
        mixture: Signal,
        folder: Path,
        wanted: tuple[str, ...] = (),
        progress: Progress = lambda *_: None,
        until: float | None = None,
        answered: Callable[[str, str], None] = lambda *_: None,
        predicted: Callable[[dict[str, Interval]], None] = lambda _: None,
    ) -> dict[str, Spool]:
        """Separate `mixture` `(2, samples)` and return for each stem the spool that holds it.

        Of a recipe with tiers the stems are those of the last one that was worth it and in time.

        Args:
            mixture: may lie on disk.
            folder: an existing folder for temporary files.
            wanted: stems to make; empty makes all.
            progress: called with (model, samples finished).
            until: when, on the clock of `time.monotonic`, the best tier so far is taken; the first is
                always waited for.
            predicted: called with the SNR in dB that the recipe predicts of stems (snr, low, high).
            answered: called with the name of the tier whose stems they are, where there are tiers, and
                why a better one failed ("" where none did).

        Raises:
            ConfigError: a wanted stem, or one that a weight refers to, that no model makes.
            ModelError: an output is no estimate; in a better tier it leaves the stems of the one before.
        """
        recipe = self.recipe
        if recipe.any_stem is not None:
            recipe = recipe.explicit(self._separator(recipe.any_stem).stems_for())

        first = True

        def told(model: str, done: int) -> None:
            if not first and _passed(until):
                raise _OutOfTimeError
            progress(model, done)

        def run_model(model: str, heard: Signal, below: Path) -> Spool:
            separator = self._separator(model)
            spool = Spool(below, separator.stems_for())
            # a GPU works on one song at a time, while others are decoded and written
            with nullcontext() if separator.device.type == "cpu" else self._gpu:
                for part in separator.stream(heard, progress=lambda done: told(model, done)):
                    spool.add(part.numpy())
            return spool

        run = TierRun(recipe, run_model, mixture, folder, wanted)
        made, number = run.make(0), 1
        first, failure = False, ""
        while number < len(run.tiers) and not _passed(until) and run.worth(number, made):
            try:
                made, number = run.make(number), number + 1
            except _OutOfTimeError:
                break
            except ModelError as error:
                failure = f"The tier {run.tiers[number].name} failed: {error}"
                break
        if recipe.tiers:
            answered(run.tiers[number - 1].name, failure)
        stems = {stem: spool.result() for stem, spool in made.items()}
        predicted(run.predicted(number - 1, stems))
        return stems

    def _separator(self, name: str) -> Separator:
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def _load(self, name: str) -> Separator:
        ready = self._fetch(name)
        return Separator(
            build(ready),
            self.device,
            residual=ready.spec.residual,
            precision=self.precision,
            decisions=Decisions.of_machine(ready.identity),
        )


def _passed(until: float | None) -> bool:
    return until is not None and time.monotonic() >= until
