"""Evaluate one track: separate with every model, measure every stem, return table rows.

A model, stem or estimate that fails becomes rows with status `failed` and the error's text; the
others go on. Only a mixture that cannot be read fails the track as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from stemwise.datasets.decode import TrackAudio
from stemwise.errors import MissingDependencyError, MissingReferenceError, StemwiseError
from stemwise.evaluation import rows
from stemwise.evaluation.outputs import Output, finished, separated
from stemwise.evaluation.rows import Origin, Row
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.zoo import Zoo, describe
from stemwise.measurement.matching import Match, match_stems
from stemwise.measurement.museval_engine import museval_scores
from stemwise.measurement.track_stem import measure_stem
from stemwise.store import EstimateStore
from stemwise.types import MIXTURE, SAMPLE_RATE, Audio, Track

# (track id, stage or model, seconds of audio, seconds of work)
Notify = Callable[[str, str, float, float], None]
TABLES = ("tracks", "estimates", "measurements", "scores")


@dataclass
class TrackResult:
    """Rows of one track by table, and how many models, stems or estimates failed on it."""

    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    failures: int = 0


class TrackEvaluator:
    """Evaluates tracks with the models of a run.

    Args:
        zoo: the loaded models.
        store: where estimates are kept.
        metric: what to measure.
        files: names of finished estimates to measure; None measures all that a track has.
        notify: called after each stage.
        measures: False stops after separation.
    """

    def __init__(
        self,
        zoo: Zoo,
        store: EstimateStore,
        metric: MetricSettings,
        files: tuple[str, ...] | None = (),
        notify: Notify = lambda *_: None,
        measures: bool = True,
    ) -> None:
        self.zoo, self.store, self.metric = zoo, store, metric
        self.files, self.notify, self.measures = files, notify, measures

    def __call__(self, track: Track) -> TrackResult:
        """Return the rows of `track`; never raises for what is wrong with it."""
        return _Evaluation(self, track).run()


class _Evaluation:
    """The state of evaluating one track."""

    def __init__(self, evaluator: TrackEvaluator, track: Track) -> None:
        self.evaluator, self.track = evaluator, track
        self.decoded = TrackAudio(track)
        self.result = TrackResult()
        self.scores = self.result.tables["scores"]

    def run(self) -> TrackResult:
        started = time.perf_counter()
        try:
            mixture = self.decoded.mixture
        except Exception as error:  # noqa: BLE001 - recorded, counted and shown as failed rows
            self._fail_whole(describe(error))
            return self.result
        self._tell("decode", started)
        outputs = self._separate(mixture)
        if self.evaluator.measures:
            self._measure(outputs)
        self._record_track(mixture.shape[1])
        return self.result

    def _record_track(self, samples: int | None) -> None:
        row = rows.track_row(self.track, self.decoded.problems, samples)
        self.result.tables["tracks"].append(row)

    def _tell(self, stage: str, started: float) -> None:
        seconds = self.decoded.length / SAMPLE_RATE
        self.evaluator.notify(self.track.track_id, stage, seconds, time.perf_counter() - started)

    def _fail_whole(self, error: str) -> None:
        self.decoded.problems.append(error)
        self._record_track(None)
        self.result.failures += 1
        for stem in self.track.partition:
            self._without_scores([Origin(MIXTURE)], stem, "failed", error)
        for model in self.evaluator.zoo.models:
            stems = model.stems(self.track.partition)
            self._fail(Origin(model.name), stems, error)
        for output in finished(self.track, self.evaluator.files, 0, self.decoded.problems):
            self._fail(output.origin, output.stems, error)

    def _fail(self, origin: Origin, stems: tuple[str, ...], error: str) -> None:
        """Record a model that has no estimates."""
        self.result.failures += 1
        self.result.tables["estimates"] += rows.estimate_rows(self.track, origin, stems, error)
        for stem in stems:
            self.scores.append(rows.status_row(self.track, origin, stem, "failed", error))

    def _separate(self, mixture: Audio) -> dict[str, Output]:
        """Return the outputs of all models that have estimates, by name."""
        outputs = []
        for model in self.evaluator.zoo.models:
            started = time.perf_counter()
            stems = model.stems(self.track.partition)
            output = separated(model, stems, mixture, self._references, self.evaluator.store)
            outputs.append(output)
            if output.made:
                self._tell(model.name, started)
        outputs += finished(
            self.track, self.evaluator.files, mixture.shape[1], self.decoded.problems
        )
        for output in outputs:
            if output.error is not None:
                self._fail(output.origin, output.stems, output.error)
        good = {output.origin.model: output for output in outputs if output.error is None}
        for output in good.values():
            table = self.result.tables["estimates"]
            table += rows.estimate_rows(self.track, output.origin, output.stems)
        return good

    def _references(self) -> dict[str, Audio]:
        """Return the true stems that this song has (AudioError where one cannot be used)."""
        found = {}
        for stem in self.track.partition:
            try:
                found[stem] = self.decoded.reference(stem)
            except MissingReferenceError:
                continue  # absent from the song: silent in the mixture too
        return found

    def _measure(self, outputs: Mapping[str, Output]) -> None:
        started = time.perf_counter()
        for stem, matches in self._wanted(outputs).items():
            self._measure_stem(stem, matches, outputs)
        for output in outputs.values() if self.evaluator.metric.museval else ():
            try:
                self._museval(output)
            except MissingDependencyError:
                raise  # true for every track and model: the run cannot give what was asked for
            except Exception as error:  # noqa: BLE001 - the other scores stand
                self.result.failures += 1
                self.decoded.problems.append(f"museval on {output.origin.model}: {describe(error)}")
        self._tell("measure", started)

    def _wanted(self, outputs: Mapping[str, Output]) -> dict[str, dict[str, Match]]:
        """Return stem → model → match. The partition's stems are wanted even without a model,
        since the mixture is scored on them."""
        track = self.track
        wanted: dict[str, dict[str, Match]] = {
            stem: {} for stem in track.partition if stem in track.references
        }
        for name, output in outputs.items():
            for match in match_stems(output.stems, track.partition, track.references):
                if match.known:
                    wanted.setdefault(match.stem, {})[name] = match
                else:
                    row = rows.status_row(track, output.origin, match.stem, "missing_reference")
                    self.scores.append(row)
        return wanted

    def _measure_stem(
        self, stem: str, matches: Mapping[str, Match], outputs: Mapping[str, Output]
    ) -> None:
        origins = {MIXTURE: Origin(MIXTURE)} | {name: outputs[name].origin for name in matches}
        try:
            reference = self.decoded.reference(stem)
        except MissingReferenceError:  # its files turned out to be broken and were left out
            self._without_scores(origins.values(), stem, "missing_reference")
            return
        except StemwiseError as error:
            self.result.failures += 1
            self._without_scores(origins.values(), stem, "failed", describe(error))
            return
        signals = {MIXTURE: self.decoded.mixture}
        for name, match in matches.items():
            try:
                signals[name] = outputs[name].read_sum(match)
            except Exception as error:  # noqa: BLE001 - one unreadable file must not lose the others
                self._fail_stem(origins[name], stem, match, describe(error))
        metric = self.evaluator.metric
        measured = measure_stem(reference, signals, metric.block_s, metric.max_lag_s)
        table = self.result.tables["measurements"]
        table += rows.measurement_rows(self.track, stem, measured)
        for name in signals:
            self.scores.append(
                rows.score_row(self.track, origins[name], stem, metric, measured, name)
            )

    def _fail_stem(self, origin: Origin, stem: str, match: Match, error: str) -> None:
        """Record estimates that turn out to be unreadable."""
        self.result.failures += 1
        self._without_scores([origin], stem, "failed", error)
        for row in self.result.tables["estimates"]:
            if row["model"] == origin.model and row["stem"] in match.parts:
                row.update(status="failed", error=error)

    def _without_scores(
        self, origins: Iterable[Origin], stem: str, status: str, error: str | None = None
    ) -> None:
        self.scores += [rows.status_row(self.track, o, stem, status, error) for o in origins]

    def _museval(self, output: Output) -> None:
        """Add museval's medians to the rows of one model."""
        scored = {
            row["stem"]: row
            for row in self.scores
            if row["model"] == output.origin.model and row["status"] in ("ok", "silent_estimate")
        }
        matches = match_stems(output.stems, self.track.partition, self.track.references)
        found = {match.stem: match for match in matches if match.stem in scored}
        if not found:
            return
        references = {stem: self.decoded.reference(stem) for stem in found}
        estimates = {stem: output.read_sum(match) for stem, match in found.items()}
        values = museval_scores(references, estimates, self.decoded.mixture)
        for stem, row in scored.items():
            row.update(values[stem])
