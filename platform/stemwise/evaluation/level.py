"""One parent of one track: what the models make of it, measured stem by stem.

At level 1 the parent is the mixture; at level 2 it is a stem, true or estimated, and takes the
mixture's place: it is the models' input, and the baseline they must beat.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stemwise.core.errors import MissingDependencyError, MissingReferenceError, StemwiseError
from stemwise.core.stems import MIXTURE
from stemwise.core.types import Audio, Parent, Track
from stemwise.datasets.decode import TrackAudio
from stemwise.evaluation import rows
from stemwise.evaluation.cross_stem import CrossStem
from stemwise.evaluation.kinds import outputs_of
from stemwise.evaluation.known import Known
from stemwise.evaluation.measured import Measured
from stemwise.evaluation.outputs import Output, separated
from stemwise.evaluation.rows import Origin, Row
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.surroundings import Surroundings
from stemwise.evaluation.zoo import LoadedModel, describe
from stemwise.measurement.bsseval.engines import load_engine
from stemwise.measurement.bsseval.scores import Engine
from stemwise.measurement.extra_metrics import extra_scores
from stemwise.measurement.matching import Match, match_stems, match_sum
from stemwise.measurement.track_stem import measure_stem
from stemwise.storage.estimates import EstimateStore

# What has a reference with sound, and so a score.
SCORED = ("ok", "silent_estimate")
# (stage or model, when it began)
Tell = Callable[[str, float], None]
# stem → model → match
Wanted = dict[str, dict[str, Match]]


@dataclass
class Level:
    """Separates and measures below one parent; rows and failures gather in it.

    Attributes:
        track: the track.
        decoded: its audio.
        parent: the stem to separate further.
        metric: what to measure.
        surroundings: the references beside each stem.
        known: what the process with the models tells of this track.
        ensembles: are measured beside the models.
        cross_stem: what is measured for blends over all stems; None: nothing.
        made: how many separations were computed.
        found: how many the store had.
    """

    track: Track
    decoded: TrackAudio
    parent: Parent
    metric: MetricSettings
    surroundings: Surroundings
    known: Known = field(default_factory=Known)
    ensembles: Sequence[Measured] = ()
    cross_stem: CrossStem | None = None
    estimates: list[Row] = field(default_factory=list)
    measurements: list[Row] = field(default_factory=list)
    forms: list[Row] = field(default_factory=list)
    cross: list[Row] = field(default_factory=list)
    scores: list[Row] = field(default_factory=list)
    failures: int = 0
    made: int = 0
    found: int = 0
    _lost: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def used(self) -> Track:
        """The track with the facts of the files that it was heard from."""
        return self.decoded.used

    def separate(
        self, models: Iterable[LoadedModel], heard: Audio, store: EstimateStore, tell: Tell
    ) -> list[Output]:
        """Return what each model makes of the parent `heard`, `(2, samples)`, errors included.

        What another run that shares the store makes just now comes last, and is waited for.
        """
        models, outputs = list(models), dict[str, Output]()
        for patient in (False, True):
            for model in models:
                started = time.perf_counter()
                if model.name in outputs:
                    continue
                output = self._separated(model, heard, store, patient)
                if output is None:
                    continue
                outputs[model.name] = output
                if output.made:
                    tell(model.name, started)
        made = sum(output.made for output in outputs.values())
        self.made += made
        self.found += sum(output.error is None for output in outputs.values()) - made
        return [outputs[model.name] for model in models]

    def _separated(
        self, model: LoadedModel, heard: Audio, store: EstimateStore, patient: bool
    ) -> Output | None:
        lost = self.known.of_model(model.name, self.parent)
        if lost is not None:
            return Output(lost.stems, Origin(model.name, self.parent), error=lost.error)
        stems, key = model.stems(self.track.partition), self.known.key(model.name, self.parent)
        return separated(model, stems, self.parent, heard, self._references, store, key, patient)

    def record(self, outputs: Iterable[Output]) -> dict[str, Output]:
        """Add the rows of `estimates`; return the outputs that have estimates, by model."""
        outputs = list(outputs)
        for output in outputs:
            if output.error is not None:
                self.fail(output.origin, output.stems, output.error)
        good = {output.origin.model: output for output in outputs if output.error is None}
        for output in good.values():
            self.estimates += rows.estimate_rows(
                self.track, output.origin, output.stems, attempt=self.known.attempt
            )
        return good

    def fail(self, origin: Origin, stems: Iterable[str], error: str) -> None:
        """Record a model that has no estimates."""
        stems = self._lost[origin.model] = tuple(stems)
        self.failures += 1
        self.estimates += rows.estimate_rows(self.track, origin, stems, error, self.known.attempt)
        for stem in stems:
            self.scores.append(rows.status_row(self.used, origin, stem, "failed", error))

    def without_scores(
        self, origins: Iterable[Origin], stem: str, status: str, error: str | None = None
    ) -> None:
        """Record that `stem` cannot be scored, and why."""
        self.scores += [rows.status_row(self.used, o, stem, status, error) for o in origins]

    def measure(self, outputs: Mapping[str, Output], heard: Audio, floors: Sequence[str]) -> None:
        """Measure every output against its references, and the parent itself, as the baseline.

        Args:
            outputs: by model.
            heard: the parent, `(2, samples)`.
            floors: stems on which the parent is scored even where no model makes them.
        """
        wanted = self._wanted(outputs, floors)
        outputs, wanted = self._with_ensembles(outputs, wanted)
        self.surroundings.learn(wanted, self.parent)
        for stem, matches in wanted.items():
            self._measure_stem(stem, matches, outputs, heard)
        if self.cross_stem is not None:
            self._measure_across(self.cross_stem, wanted, outputs, heard)
        if self.metric.museval:
            self._museval_all(outputs.values(), wanted, heard)

    def _with_ensembles(
        self, outputs: Mapping[str, Output], wanted: Wanted
    ) -> tuple[dict[str, Output], Wanted]:
        """Add the ensembles to the outputs and to the stems that they are measured on."""
        every, matched = dict(outputs), {stem: dict(own) for stem, own in wanted.items()}
        whole = {stem: _whole(own) for stem, own in wanted.items()}
        lost = self._lost_of(matched)
        for output, errors in outputs_of(self.ensembles, self.parent, whole, lost, outputs):
            every[output.origin.model] = output
            self._fail_ensemble(output.origin, errors)
            made = [stem for stem in output.stems if stem not in errors]
            self.estimates += rows.estimate_rows(self.track, output.origin, made)
            for stem in made:
                matched[stem][output.origin.model] = Match(stem, (stem,), known=True)
        return every, matched

    def _lost_of(self, stems: Iterable[str]) -> dict[str, dict[str, Match]]:
        """Return for each of some stems the models that would have made it and failed."""
        found: dict[str, dict[str, Match]] = {stem: {} for stem in stems}
        for model, made in self._lost.items():
            own = match_stems(made, self.track.partition, self.track.references)
            for match in own:
                if match.stem in found and match.whole:
                    found[match.stem][model] = match
        return found

    def _fail_ensemble(self, origin: Origin, errors: Mapping[str, str]) -> None:
        for stem, error in errors.items():
            self.estimates += rows.estimate_rows(self.track, origin, [stem], error)
            self.without_scores([origin], stem, "failed", error)

    def fail_ensembles(self) -> None:
        """Record the ensembles of models that have all failed: they fail with them."""
        stems = dict.fromkeys(stem for made in self._lost.values() for stem in made)
        lost = self._lost_of(stems)
        for output, errors in outputs_of(self.ensembles, self.parent, {}, lost, {}):
            self._fail_ensemble(output.origin, errors)

    def _measure_across(
        self,
        cross_stem: CrossStem,
        wanted: Mapping[str, Mapping[str, Match]],
        outputs: Mapping[str, Output],
        heard: Audio,
    ) -> None:
        """Measure the estimates of all stems together, against those references that can be used."""
        measured = {row["stem"] for row in self.forms}
        stems = [stem for stem in cross_stem.targets(wanted) if stem in measured]
        if not stems:
            return
        beside = {stem: self.surroundings.beside(stem, self.parent) for stem in stems}
        references = {stem: self.decoded.reference(stem) for stem in stems}
        try:
            found = cross_stem.forms(references, beside, outputs, heard)
        except Exception as error:  # noqa: BLE001 - the other scores stand
            self.failures += 1
            self.decoded.problems.append(f"The estimates of all stems together: {describe(error)}")
            return
        for stem, forms in found.items():
            names = beside[stem].names
            self.cross.append(rows.cross_row(self.track, self.parent, stem, forms, names))

    def _museval_all(
        self, outputs: Iterable[Output], wanted: Mapping[str, Mapping[str, Match]], heard: Audio
    ) -> None:
        """Add museval's scores to the rows of all models, those of equal stems in a row."""
        engine = load_engine(self.metric.engine, self._uncertain)
        for output in sorted(outputs, key=lambda output: sorted(output.stems)):
            name = output.origin.model
            matches = [found[name] for found in wanted.values() if name in found]
            try:
                self._museval(engine, output, matches, heard)
            except MissingDependencyError:
                raise  # true for every track and model: the run cannot give what was asked for
            except Exception as error:  # noqa: BLE001 - the other scores stand
                self.failures += 1
                self.decoded.problems.append(f"museval on {output.origin.model}: {describe(error)}")

    def _uncertain(self, problem: str) -> None:
        """Record a sentence about scores that the references make uncertain, once per track."""
        if problem not in self.decoded.problems:
            self.decoded.problems.append(problem)

    def _references(self) -> dict[str, Audio]:
        """Return the true stems that this song has (AudioError where one cannot be used)."""
        found = {}
        for stem in self.track.partition:
            try:
                found[stem] = self.decoded.reference(stem)
            except MissingReferenceError:
                continue  # absent from the song: silent in the mixture too
        return found

    def _wanted(self, outputs: Mapping[str, Output], floors: Sequence[str]) -> Wanted:
        """Return stem → model → match."""
        track = self.track
        wanted: dict[str, dict[str, Match]] = {
            stem: {} for stem in floors if stem in track.references
        }
        own = {
            name: match_stems(output.stems, track.partition, track.references)
            for name, output in outputs.items()
        }
        for name, output in outputs.items():
            for match in own[name]:
                if match.known:
                    wanted.setdefault(match.stem, {})[name] = match
                else:
                    row = rows.status_row(self.used, output.origin, match.stem, "missing_reference")
                    self.scores.append(row)
        for stem, matches in wanted.items():
            for name in outputs.keys() - matches.keys() if matches else ():
                found = match_sum(stem, own[name], track.partition)
                if found is not None:
                    matches[name] = found
        # in the order of the models, whoever makes a stem whole
        return {
            stem: {name: matches[name] for name in outputs if name in matches}
            for stem, matches in wanted.items()
        }

    def _measure_stem(
        self, stem: str, matches: Mapping[str, Match], outputs: Mapping[str, Output], heard: Audio
    ) -> None:
        origins = {MIXTURE: Origin(MIXTURE, self.parent)}
        origins |= {name: outputs[name].origin for name in matches}
        try:
            reference = self.decoded.reference(stem)
        except MissingReferenceError:  # its files turned out to be broken and were left out
            self.without_scores(origins.values(), stem, "missing_reference")
            return
        except StemwiseError as error:
            self.failures += 1
            self.without_scores(origins.values(), stem, "failed", describe(error))
            return
        signals = {MIXTURE: heard}
        for name, match in matches.items():
            try:
                own = outputs[name]
                signals[name] = own.blend(stem, signals) if own.blend else own.read_sum(match)
            except Exception as error:  # noqa: BLE001 - one unreadable file must not lose the others
                self._fail_stem(origins[name], stem, match, describe(error))
        beside = self.surroundings.beside(stem, self.parent)
        metric = self.metric
        measured = measure_stem(reference, signals, metric.block_s, metric.max_lag_s, beside)
        self.measurements += rows.measurement_rows(self.track, self.parent, stem, measured)
        self.forms.append(rows.form_row(self.track, self.parent, stem, measured))
        for name, estimate in signals.items():
            row = rows.score_row(self.used, origins[name], stem, self.metric, measured, name)
            if row["status"] in SCORED:
                row |= self._extra(name, (reference, estimate, heard))
            self.scores.append(row)

    def _extra(self, model: str, audio: tuple[Audio, Audio, Audio]) -> dict[str, float | None]:
        """Return the scores of `metric.extra`; null where one's function fails on this estimate."""

        def lost(name: str, error: Exception) -> None:
            self.failures += 1
            self.decoded.problems.append(f"{name} of {model}: {describe(error)}")

        return extra_scores(self.metric.extra, *audio, lost)

    def _fail_stem(self, origin: Origin, stem: str, match: Match, error: str) -> None:
        """Record estimates that turn out to be unreadable."""
        self.failures += 1
        self.without_scores([origin], stem, "failed", error)
        for row in self.estimates:
            if row["model"] == origin.model and row["stem"] in match.parts:
                row.update(status="failed", error=error)

    def _museval(
        self, engine: Engine, output: Output, matches: Sequence[Match], heard: Audio
    ) -> None:
        """Add museval's medians to the rows of one model.

        Its scores of a stem depend on the others beside it, so a sum of stems is scored once more, in
        place of its parts.
        """
        scored = {
            row["stem"]: row
            for row in self.scores
            if row["model"] == output.origin.model and row["status"] in SCORED
        }
        known = [match for match in matches if match.stem in scored]
        sums = _sums(known)
        made = [match for match in known if match not in sums]
        values = self._museval_of(engine, output, made, heard)
        for match in sums:
            beside = [one for one in made if not set(one.parts) & set(match.parts)]
            values[match.stem] = self._museval_of(engine, output, [*beside, match], heard)[
                match.stem
            ]
        for stem, row in scored.items():
            row.update(values[stem])

    def _museval_of(
        self, engine: Engine, output: Output, matches: Sequence[Match], heard: Audio
    ) -> dict[str, dict[str, float | None]]:
        if not matches:
            return {}
        references = {match.stem: self.decoded.reference(match.stem) for match in matches}
        estimates = {match.stem: output.read_sum(match) for match in matches}
        return dict(engine(references, estimates, heard))


def _whole(own: Mapping[str, Match]) -> dict[str, Match]:
    """Return the models that make a stem themselves: a recipe takes no sums of a model's stems."""
    return {model: match for model, match in own.items() if match.whole}


def _sums(matches: Sequence[Match]) -> list[Match]:
    """Return those whose parts other matches have too: sums of stems, or a stem by another name."""
    return [
        match
        for place, match in enumerate(matches)
        if any(
            set(one.parts) < set(match.parts)
            or (before < place and set(one.parts) == set(match.parts))
            for before, one in enumerate(matches)
        )
    ]
