"""What the models, and estimates of other tools, offer on one track."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stemwise import audio
from stemwise.core.errors import ModelError
from stemwise.core.types import FILE_PREFIX, WHOLE, Audio, Parent, Source, Track
from stemwise.evaluation.rows import Origin
from stemwise.evaluation.zoo import LoadedModel, describe
from stemwise.measurement.matching import Match
from stemwise.storage.estimates import EstimateStore


@dataclass
class Output:
    """One model's estimates of a track: stems, origin and a reader, or the error instead of them.

    `blend` makes a stem of the models' estimates of it, where they have been read already.
    """

    stems: tuple[str, ...]
    origin: Origin
    read: Callable[[str], Audio] | None = None
    error: str | None = None
    made: bool = False
    blend: Callable[[str, Mapping[str, Audio]], Audio] | None = None

    def read_sum(self, match: Match) -> Audio:
        """Return the estimate `(2, samples)` of a row: the sum of the stems that belong to it."""
        total = self.read_one(match.parts[0])
        for part in match.parts[1:]:
            total = total + self.read_one(part)
        return total

    def read_one(self, stem: str) -> Audio:
        """Return the estimate `(2, samples)` of one of the model's own stems."""
        if self.read is None:
            raise ModelError(self.error or "There are no estimates.")
        return self.read(stem)


def separated(
    model: LoadedModel,
    stems: tuple[str, ...],
    parent: Parent,
    heard: Audio,
    references: Callable[[], Mapping[str, Audio]],
    store: EstimateStore,
    key: str | None = None,
    patient: bool = True,
) -> Output | None:
    """Return what `model` makes of the `parent` that it hears; what it raises becomes the error.

    `references` is called only for models that use the true stems; `key` is that of the store's entry,
    where it is known. While another run makes the same, it is waited for or, unless `patient`, None is
    returned.
    """
    try:
        found = model.separate(heard, references, store, key, patient)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - one model must not lose the others
        return Output(stems, Origin(model.name, parent), error=describe(error))
    if found is None:
        return None
    entry, made = found
    origin = Origin.of_entry(model.name, parent, entry)
    return Output(entry.stems, origin, entry.read, made=made)


def finished(
    track: Track,
    names: tuple[str, ...] | None,
    length: int,
    problems: list[str],
    parent: Parent = WHOLE,
) -> list[Output]:
    """Return the estimates of other tools beside the track, brought to its length.

    Args:
        track: the track.
        names: what was asked for; one that is absent is an error. None takes all there are.
        length: samples of the mixture.
        problems: receives a sentence for each estimate of another length.
        parent: what they are estimates of parts of.
    """
    outputs = []
    for name in sorted(track.estimates) if names is None else names:
        sources = track.estimates.get(name, {})
        uris = {stem: str(source.path) for stem, source in sources.items()}
        origin = Origin(FILE_PREFIX + name, parent, uris=uris)
        if sources:
            outputs.append(Output(tuple(sources), origin, _reader(sources, length, problems)))
        else:
            error = f"The track has no folder estimates/{name} with audio files."
            outputs.append(Output(track.partition, origin, error=error))
    return outputs


def _reader(
    sources: Mapping[str, Source], length: int, problems: list[str]
) -> Callable[[str], Audio]:
    def read(stem: str) -> Audio:
        signal = audio.load(sources[stem])
        surplus = signal.shape[1] - length
        if surplus:
            how = "longer than the mixture: trimmed" if surplus > 0 else "shorter: padded"
            path = sources[stem].path
            problem = f"{path.parent.name}/{path.name} is {abs(surplus)} samples {how} at its end."
            if problem not in problems:
                problems.append(problem)
        return audio.fit_length(signal, length)

    return read
