"""Evaluate one track: separate with every model, measure every stem, return table rows.

A model, stem or estimate that fails becomes rows with status `failed` and the error's text; the
others continue. Only a mixture that cannot be read fails the track as a whole.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from stemwise.core import stems
from stemwise.core.errors import MissingReferenceError, StemwiseError
from stemwise.core.types import (
    ESTIMATE,
    RECIPE_PREFIX,
    REFERENCE,
    SAMPLE_RATE,
    WHOLE,
    Audio,
    Parent,
    Track,
)
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.kept import KeptStems
from stemwise.evaluation import rows
from stemwise.evaluation.cross_stem import CrossStem
from stemwise.evaluation.ensemble import blended
from stemwise.evaluation.hierarchy import HierarchySettings, Provider
from stemwise.evaluation.known import Known
from stemwise.evaluation.level import Level
from stemwise.evaluation.measured import Measured
from stemwise.evaluation.outputs import Output, finished
from stemwise.evaluation.rows import Origin, Row
from stemwise.evaluation.settings import MetricSettings, Notify
from stemwise.evaluation.surroundings import Surroundings
from stemwise.evaluation.zoo import LoadedModel, Zoo, describe
from stemwise.measurement.fingerprint import fingerprint
from stemwise.separation.recipe import Recipe
from stemwise.storage.estimates import EstimateStore

TABLES = ("tracks", "estimates", "measurements", "forms", "cross", "scores")


@dataclass
class TrackResult:
    """Rows of one track by table, and how many models, stems or estimates failed on it.

    `made` separations of it were computed; the store had `found` others.
    """

    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    failures: int = 0
    made: int = 0
    found: int = 0
    # of decoded stems, for those who measure the song
    folder: Path | None = None


class TrackEvaluator:
    """Evaluates tracks with the models of a run.

    Args:
        zoo: the loaded models.
        store: where estimates are kept.
        metric: what to measure.
        files: names of estimates of other tools to measure; None measures all that a track has.
        notify: called after each stage.
        measures: False stops after separation.
        settles: False leaves the encoding of raw estimates to others.
        skips: whether parents are left out below which nothing can be scored; None: if it measures.
        hierarchy: the parents of level-2 models.
        recipes: blends of the zoo's models that are measured beside them.
        ensembles: of other kinds, likewise.
    """

    def __init__(
        self,
        zoo: Zoo,
        store: EstimateStore,
        metric: MetricSettings,
        files: tuple[str, ...] | None = (),
        notify: Notify = lambda *_: None,
        measures: bool = True,
        settles: bool = True,
        skips: bool | None = None,
        hierarchy: HierarchySettings | None = None,
        recipes: Sequence[Recipe] = (),
        ensembles: Sequence[Measured] = (),
    ) -> None:
        self.zoo, self.store, self.metric = zoo, store, metric
        self.files, self.notify = files, notify
        self.measures, self.settles = measures, settles
        self.skips = measures if skips is None else skips
        self.hierarchy = hierarchy or HierarchySettings()
        self.recipes, self.ensembles = recipes, ensembles

    def __call__(self, track: Track, known: Known | None = None) -> TrackResult:
        """Return the rows of `track`; never raises for what is wrong with it.

        Args:
            track: the track.
            known: what the process with the models tells of it, where this one has none.
        """
        return _Evaluation(self, track, known).run()

    def given_up(self, track: Track, reason: str, attempt: int = 1) -> TrackResult:
        """Return the rows of a track that is not tried any more: all failed, for this reason."""
        return _Evaluation(self, track, Known(attempt=attempt), folder=False).fail(reason)


class _Evaluation:
    """The state of evaluating one track."""

    def __init__(
        self,
        evaluator: TrackEvaluator,
        track: Track,
        known: Known | None = None,
        folder: bool = True,
    ) -> None:
        self.evaluator, self.track, self.known = evaluator, track, known or Known()
        self.zoo = evaluator.zoo.told(self.known)
        self.folder = self.known.folder or (evaluator.store.song_folder() if folder else None)
        self.decoded = TrackAudio(track, KeptStems(self.folder) if self.folder else None)
        self.surroundings = Surroundings(self.decoded, evaluator.metric.block_s)
        self.result = TrackResult()
        self._heard = False

    def run(self) -> TrackResult:
        handed_on = False
        try:
            result = self._run()
            handed_on = not self.evaluator.settles and self._heard
        finally:
            if self.folder is not None and not handed_on:
                shutil.rmtree(self.folder, ignore_errors=True)
        if handed_on:
            self.decoded.save()
            result.folder = self.folder
        return result

    def _run(self) -> TrackResult:
        started = time.perf_counter()
        try:
            mixture = self.decoded.mixture
        except Exception as error:  # noqa: BLE001 - recorded, counted and shown as failed rows
            return self.fail(describe(error))
        self._heard = True
        self._tell("decode", started)
        outputs = self._level_one(mixture)
        for parent, provider in self._parents():
            self._level_two(parent, provider, outputs)
        if self.evaluator.settles:
            self._settle()
        self._record_track(mixture)
        # what was handed on to this process was computed for this run too
        given = min(self.known.made, self.result.found)
        self.result.made += given
        self.result.found -= given
        return self.result

    def _settle(self) -> None:
        """Encode estimates that were handed on raw; where that fails, only they are lost."""
        for key in {row["key"] for row in self.result.tables["estimates"] if row.get("key")}:
            try:
                self.evaluator.store.settle(key)
            except StemwiseError as error:
                self.result.failures += 1
                for row in self.result.tables["estimates"]:
                    if row.get("key") == key:
                        row.update(uri=None, status="failed", error=describe(error))

    def _level(self, parent: Parent) -> Level:
        return Level(
            self.track,
            self.decoded,
            parent,
            self.evaluator.metric,
            self.surroundings,
            self.known,
            self.evaluator.ensembles,
            self._cross_stem(parent),
        )

    def _cross_stem(self, parent: Parent) -> CrossStem | None:
        """Return what is measured for blends over all stems: of the models that a recipe may run."""
        if self.evaluator.metric.cross_stem is not True:
            return None
        models = [m.name for m in self.zoo.of(parent.stem) if m.ready.spec.selectable]
        return CrossStem(models, self.folder)

    def _add(self, level: Level) -> None:
        """Take over what a level has gathered."""
        for name in TABLES[1:]:
            self.result.tables[name] += getattr(level, name)
        self.result.failures += level.failures
        self.result.made += level.made
        self.result.found += level.found

    def _level_one(self, mixture: Audio) -> dict[str, Output]:
        """Separate and measure the mixture; return the outputs that have estimates, by model."""
        level = self._level(WHOLE)
        own = self._separate(level, self.zoo.of(stems.MIXTURE), mixture)
        outputs = level.record([*own, *self._files(WHOLE)])
        outputs |= level.record(
            blended(recipe, outputs, mixture) for recipe in self.evaluator.recipes
        )
        # the mixture is scored on all its stems, also on those that no model makes; a recording of
        # drums alone is scored as the drums that it is
        floors = self.track.partition if self._whole is None else ()
        self._measure(level, outputs, mixture, floors)
        self._add(level)
        return outputs

    @cached_property
    def _whole(self) -> str | None:
        """The stem that the track is a recording of, if models separate that stem further."""
        whole = stems.whole_of(self.track.partition)
        apart = whole is not None and self.zoo.of(whole)
        return whole if apart and REFERENCE in self.evaluator.hierarchy.sources else None

    def _files(self, parent: Parent) -> list[Output]:
        """Return the estimates that other tools made of parts of `parent`.

        They are compared with models that hear the same: of a recording of drums alone, with those
        that separate drums.
        """
        own = WHOLE if self._whole is None else Parent(self._whole, REFERENCE)
        if parent != own:
            return []
        length = self.decoded.length if self._heard else 0
        return finished(self.track, self.evaluator.files, length, self.decoded.problems, own)

    def _parents(self) -> list[tuple[Parent, Provider | None]]:
        """Return every parent that a model separates: true, and as its provider estimates it."""
        hierarchy, zoo = self.evaluator.hierarchy, self.zoo
        found: list[tuple[Parent, Provider | None]] = []
        for stem in filter(zoo.of, stems.CHILDREN):
            provider = hierarchy.provider(stem, zoo.models, self.track.partition)
            for source in hierarchy.sources:
                if source != ESTIMATE:
                    found.append((Parent(stem, source), None))
                elif provider is not None:
                    found.append((Parent(stem, source, provider.name), provider))
        return found

    def _level_two(
        self, parent: Parent, provider: Provider | None, outputs: Mapping[str, Output]
    ) -> None:
        """Take one parent apart; where nothing below it can be scored, only say so."""
        level, models = self._level(parent), self.zoo.of(parent.stem)
        known = {
            stem: reference.status
            for stem, reference in self.decoded.used.references.items()
            if stems.PARENT.get(stem) == parent.stem
        }
        if self.evaluator.skips and "ok" not in known.values():
            self._skip(level, models, known)
        else:
            self._take_apart(level, models, provider, outputs)
        self._add(level)

    def _take_apart(
        self,
        level: Level,
        models: list[LoadedModel],
        provider: Provider | None,
        outputs: Mapping[str, Output],
    ) -> None:
        stem = level.parent.stem
        try:
            heard = (
                provider.blend(stem, outputs, self.decoded.mixture)
                if provider
                else self.decoded.parent(stem)
            )
        except MissingReferenceError:
            self._skip(level, models, {})
            return
        except Exception as error:  # noqa: BLE001 - recorded, counted and shown as failed rows
            self._fail_all(level, models, describe(error))
            return
        made = [*self._separate(level, models, heard), *self._files(level.parent)]
        self._measure(level, level.record(made), heard, ())

    def _skip(
        self, level: Level, models: Iterable[LoadedModel], statuses: Mapping[str, str]
    ) -> None:
        for model in models:
            for stem in model.stems(self.track.partition):
                origin = Origin(model.name, level.parent)
                level.without_scores([origin], stem, statuses.get(stem, "missing_reference"))

    def _fail_all(self, level: Level, models: Iterable[LoadedModel], error: str) -> None:
        for model in models:
            level.fail(Origin(model.name, level.parent), model.stems(self.track.partition), error)
        level.fail_ensembles()

    def _fail_files(self, level: Level, error: str) -> None:
        for output in self._files(level.parent):
            level.fail(output.origin, output.stems, error)

    def _separate(self, level: Level, models: Iterable[LoadedModel], heard: Audio) -> list[Output]:
        return level.separate(models, heard, self.evaluator.store, self._tell)

    def _measure(
        self, level: Level, outputs: Mapping[str, Output], heard: Audio, floors: tuple[str, ...]
    ) -> None:
        if self.evaluator.measures:
            started = time.perf_counter()
            level.measure(outputs, heard, floors)
            self._tell("measure", started)

    def _record_track(self, mixture: Audio | None) -> None:
        heard = self.decoded
        samples, mark = (
            (None, None) if mixture is None else (mixture.shape[1], fingerprint(mixture))
        )
        row = rows.track_row(heard.used, heard.problems, samples, heard.file_format, mark)
        self.result.tables["tracks"].append(row)

    def _tell(self, stage: str, started: float) -> None:
        seconds = self.decoded.length / SAMPLE_RATE
        self.evaluator.notify(self.track.track_id, stage, seconds, time.perf_counter() - started)

    def fail(self, error: str) -> TrackResult:
        """Record a track that cannot be worked on at all: it counts as one failure."""
        self.decoded.problems.append(error)
        self._record_track(None)
        level, zoo = self._level(WHOLE), self.zoo
        for stem in self.track.partition:
            level.without_scores([Origin(stems.MIXTURE)], stem, "failed", error)
        self._fail_all(level, zoo.of(stems.MIXTURE), error)
        for recipe in self.evaluator.recipes:
            level.fail(Origin(RECIPE_PREFIX + recipe.name), recipe.stems, error)
        self._fail_files(level, error)
        self._add(level)
        for parent, _ in self._parents():
            below = self._level(parent)
            self._fail_all(below, zoo.of(parent.stem), error)
            self._fail_files(below, error)
            self._add(below)
        self.result.failures += 1
        return self.result
