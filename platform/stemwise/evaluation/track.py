"""Evaluate one track: separate with every model, measure every stem, return table rows.

A model, stem or estimate that fails becomes rows with `status` `failed` and the error's text; the
others go on. Only a mixture that cannot be read fails the track as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stemwise import audio
from stemwise.datasets.decode import TrackAudio
from stemwise.errors import StemwiseError
from stemwise.evaluation.rows import Origin, estimate_rows, failed_scores, score_row, track_row
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.zoo import LoadedModel, Zoo, describe
from stemwise.measurement.matching import Match, match_stems
from stemwise.measurement.museval_engine import museval_scores
from stemwise.measurement.track_stem import StemMeasurement, measure_stem
from stemwise.store import Entry, EstimateStore
from stemwise.types import MIXTURE, SAMPLE_RATE, Audio, Track

Row = dict[str, Any]
Notify = Callable[[str, str, float, float], None]
FILE_PREFIX = "file:"


@dataclass
class TrackResult:
    """Rows of one track by table, and how many things on it failed."""

    tables: dict[str, list[Row]] = field(
        default_factory=lambda: {name: [] for name in ("tracks", "estimates", "measurements", "scores")}
    )
    failures: int = 0


@dataclass
class _Output:
    """What one model offers on this track: its stems, where its estimates come from, or an error."""

    name: str
    stems: tuple[str, ...]
    origin: Origin
    read: Callable[[str], Audio] | None = None
    error: str | None = None
    selectable: bool = True


class TrackEvaluator:
    """Evaluates tracks with the models of a run.

    Args:
        zoo: the loaded models.
        store: where estimates are kept.
        metric: what to measure.
        files: names of finished estimates to measure; None measures all that a track has.
        notify: called with (track id, stage, seconds of audio, seconds it took) after each stage.
    """

    def __init__(
        self,
        zoo: Zoo,
        store: EstimateStore,
        metric: MetricSettings,
        files: tuple[str, ...] | None = (),
        notify: Notify = lambda *_: None,
    ) -> None:
        self.zoo, self.store, self.metric = zoo, store, metric
        self.files, self.notify = files, notify

    def __call__(self, track: Track) -> TrackResult:
        """Return the rows of `track`; never raises for what is wrong with it."""
        result = TrackResult()
        decoded = TrackAudio(track)
        try:
            mixture = decoded.mixture
        except Exception as error:  # noqa: BLE001 - recorded, counted and shown as failed rows
            self._fail_track(track, decoded, describe(error), result)
            return result
        self.notify(track.track_id, "decode", mixture.shape[1] / SAMPLE_RATE, 0.0)
        references = _References(decoded)
        outputs = [self._separate(model, mixture, track, references) for model in self.zoo.models]
        outputs += self._finished(track, mixture.shape[1])
        for output in outputs:
            result.tables["estimates"] += estimate_rows(track, output.origin, output.stems, output.error)
            result.failures += output.error is not None
        self._measure(track, decoded, references, outputs, result)
        result.tables["tracks"].append(track_row(track, decoded))
        return result

    def _fail_track(
        self, track: Track, decoded: TrackAudio, error: str, result: TrackResult
    ) -> None:
        result.failures += 1
        decoded.problems.append(error)
        result.tables["tracks"].append(track_row(track, decoded))
        for model in self.zoo.models:
            stems = self.zoo.stems(model.name, track.partition)
            origin = Origin(model.name)
            result.tables["estimates"] += estimate_rows(track, origin, stems, error)
            result.tables["scores"] += failed_scores(track, origin, stems, error)

    def _separate(
        self, model: LoadedModel, mixture: Audio, track: Track, references: _References
    ) -> _Output:
        stems = self.zoo.stems(model.name, track.partition)
        started = time.perf_counter()
        try:
            needed = references.of(track.partition) if _uses_references(model) else {}
            entry, made = model.separate(mixture, needed, self.store)
        except Exception as error:  # noqa: BLE001 - one model's failure must not lose the others
            return _Output(model.name, stems, Origin(model.name), error=describe(error))
        seconds = mixture.shape[1] / SAMPLE_RATE
        if made:
            self.notify(track.track_id, model.name, seconds, time.perf_counter() - started)
        return _Output(
            model.name,
            entry.stems,
            Origin.of_entry(model.name, entry, seconds),
            entry.read,
            selectable=model.ready.spec.selectable,
        )

    def _finished(self, track: Track, length: int) -> list[_Output]:
        """Return the finished estimates of other tools that lie beside the track."""
        outputs = []
        for name in track.estimates if self.files is None else self.files:
            sources = track.estimates.get(name)
            origin = Origin(FILE_PREFIX + name, uris={k: str(v.path) for k, v in (sources or {}).items()})
            if not sources:
                error = f"The track has no finished estimates of {name!r}."
                outputs.append(_Output(origin.model, track.partition, origin, error=error))
                continue

            def read(stem: str, sources: Mapping[str, Any] = sources) -> Audio:
                return audio.fit_length(audio.load(sources[stem]), length)

            outputs.append(_Output(origin.model, tuple(sources), origin, read))
        return outputs

    def _measure(
        self,
        track: Track,
        decoded: TrackAudio,
        references: _References,
        outputs: list[_Output],
        result: TrackResult,
    ) -> None:
        started = time.perf_counter()
        wanted: dict[str, dict[str, Match]] = {stem: {} for stem in track.partition if stem in track.references}
        by_name = {output.name: output for output in outputs}
        scores = result.tables["scores"]
        for output in outputs:
            if output.error is not None:
                scores += failed_scores(track, output.origin, output.stems, output.error)
                continue
            for match in match_stems(output.stems, track.partition, track.references):
                if match.known:
                    wanted.setdefault(match.stem, {})[output.name] = match
                else:
                    scores.append(
                        score_row(track, output.origin, match.stem, self.metric, status="missing_reference")
                    )
        for stem, matches in wanted.items():
            self._measure_stem(track, decoded, references, stem, matches, by_name, result)
        if self.metric.museval:
            self._museval(decoded, references, outputs, wanted, result)
        self.notify(track.track_id, "measure", decoded.length / SAMPLE_RATE, time.perf_counter() - started)

    def _measure_stem(
        self,
        track: Track,
        decoded: TrackAudio,
        references: _References,
        stem: str,
        matches: Mapping[str, Match],
        outputs: Mapping[str, _Output],
        result: TrackResult,
    ) -> None:
        scores = result.tables["scores"]
        try:
            reference = references.get(stem)
        except StemwiseError as error:
            result.failures += 1
            decoded.problems.append(f"The reference of {stem} cannot be used: {error}")
            for origin in (Origin(MIXTURE), *(outputs[name].origin for name in matches)):
                scores += failed_scores(track, origin, (stem,), describe(error))
            return
        signals: dict[str, Audio] = {MIXTURE: decoded.mixture}
        for name, match in matches.items():
            try:
                signals[name] = _read_sum(outputs[name], match)
            except Exception as error:  # noqa: BLE001 - one unreadable estimate must not lose the others
                result.failures += 1
                scores += failed_scores(track, outputs[name].origin, (stem,), describe(error))
        measured = measure_stem(reference, signals, self.metric.block_s, self.metric.max_lag_s)
        result.tables["measurements"] += measurement_rows(track, stem, measured)
        for name in signals:
            origin = outputs[name].origin if name in outputs else Origin(MIXTURE)
            scores.append(score_row(track, origin, stem, self.metric, measured, name))

    def _museval(
        self,
        decoded: TrackAudio,
        references: _References,
        outputs: list[_Output],
        wanted: Mapping[str, Mapping[str, Match]],
        result: TrackResult,
    ) -> None:
        """Add museval's four medians to the rows that have them."""
        rows = {(row["model"], row["stem"]): row for row in result.tables["scores"]}
        for output in outputs:
            matched = {stem: found[output.name] for stem, found in wanted.items() if output.name in found}
            stems = [s for s in matched if rows[output.name, s]["status"] in ("ok", "silent_estimate")]
            if output.error is not None or not stems:
                continue
            true = {stem: references.get(stem) for stem in stems}
            estimates = {stem: _read_sum(output, matched[stem]) for stem in stems}
            for stem, values in museval_scores(true, estimates, decoded.mixture).items():
                rows[output.name, stem].update(values)


class _References:
    """References of one track, each decoded once while the track is evaluated."""

    def __init__(self, decoded: TrackAudio) -> None:
        self._decoded = decoded
        self._last: tuple[str, Audio] | None = None

    def get(self, stem: str) -> Audio:
        return self._decoded.reference(stem)

    def of(self, partition: tuple[str, ...]) -> dict[str, Audio]:
        """Return the references of all stems that this song has."""
        present = self._decoded.track.references
        return {stem: self.get(stem) for stem in partition if stem in present}


def _uses_references(model: LoadedModel) -> bool:
    return model.separator is not None and model.separator.model.uses_references


def _read_sum(output: _Output, match: Match) -> Audio:
    """Return the estimate of a row: the sum of the model's stems that belong to it."""
    if output.read is None:
        raise RuntimeError(output.error)
    total = output.read(match.parts[0])
    for part in match.parts[1:]:
        total = total + output.read(part)
    return total


def measurement_rows(track: Track, stem: str, measured: StemMeasurement) -> list[Row]:
    """Return one row of `measurements` per block."""
    return [
        {
            "dataset": track.dataset,
            "track_id": track.track_id,
            "parent": MIXTURE,
            "parent_source": MIXTURE,
            "stem": stem,
            "block": block,
            "start_s": float(measured.starts[block]),
            "length_s": float(measured.lengths[block]),
            "signals": list(measured.signals),
            "gram": measured.gram[block].tolist(),
            "bss_projection": measured.projection[block].tolist(),
            "bss_remainder": measured.remainder[block].tolist(),
        }
        for block in range(len(measured.starts))
    ]


def entry_seconds(entry: Entry) -> float:
    """Return the length of an entry's estimates in seconds."""
    return entry.samples / SAMPLE_RATE
