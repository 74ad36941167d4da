"""References and estimates as people give them, as a song with other tools' estimates."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, cast

import soundfile

from stemwise.api.arrays import AudioLike, decoded, is_file
from stemwise.api.stems import Stems
from stemwise.core import stems
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.places import place
from stemwise.core.types import Reference, Source, Track

References: TypeAlias = "AudioLike | Mapping[str, AudioLike]"
Estimates: TypeAlias = "AudioLike | Mapping[str, AudioLike] | Mapping[str, Mapping[str, AudioLike]]"
ALONE, NAMELESS = "stem", "estimate"


def song_of(
    reference: References,
    estimate: Estimates,
    mixture: AudioLike | None,
    rate: int | None,
    folder: Path,
) -> Track:
    """Return the song; arrays are written to `folder`, as floats at their own rate.

    Raises:
        ConfigError: references and estimates that do not fit together, or audio of no usable kind.
        AudioError: an array that holds no sound.
    """
    truth = _by_stem(reference)
    made = _by_model(estimate, truth, isinstance(reference, Mapping))
    files = _Files(folder, rate)
    references = {
        stem: Reference(stem, (files.source(truth[stem], f"the reference of {stem}"),))
        for stem in stems.in_order(truth)
    }
    return Track(
        dataset="measure",
        track_id="song",
        title="song",
        partition=stems.partition_of(truth),
        references=references,
        mixture=None if mixture is None else files.source(mixture, "the mixture"),
        estimates={
            model: {
                stem: files.source(audio, f"the estimate of {stem} by {model}", _rate_of(own))
                for stem, audio in own.items()
            }
            for model, own in made.items()
        },
    )


def _by_stem(reference: References) -> dict[str, AudioLike]:
    if not isinstance(reference, Mapping):
        return {ALONE: reference}
    if not reference:
        raise ConfigError("There is no reference: give stem → audio, or the audio of one stem.")
    return {stems.check_name(str(stem)): audio for stem, audio in reference.items()}


def _by_model(
    estimate: Estimates, truth: Mapping[str, AudioLike], by_stem: bool
) -> dict[str, Mapping[str, AudioLike]]:
    """Return model → stem → audio."""
    made: dict[str, Mapping[str, AudioLike]]
    if not isinstance(estimate, Mapping):
        if by_stem and len(truth) > 1:
            raise ConfigError("References are given by stem: give estimates by stem too.")
        made = {NAMELESS: {next(iter(truth)): estimate}}
    elif not by_stem:
        if isinstance(estimate, Stems):
            raise ConfigError("Estimates are given by stem: give references by stem too.")
        flat = cast("Mapping[str, AudioLike]", estimate)
        made = {str(model): {ALONE: audio} for model, audio in flat.items()}
    elif estimate and all(isinstance(item, Mapping) for item in estimate.values()):
        made = dict(cast("Mapping[str, Mapping[str, AudioLike]]", estimate))
    else:
        made = {NAMELESS: cast("Mapping[str, AudioLike]", estimate)}
    _check(made, truth)
    return made


def _check(made: Mapping[str, Mapping[str, AudioLike]], truth: Mapping[str, AudioLike]) -> None:
    """Refuse estimates that no reference belongs to (ConfigError)."""
    for model, own in made.items():
        if model == stems.MIXTURE:
            raise ConfigError(
                "An estimate is called 'mixture', which is the models' input: rename it."
            )
        for stem in own:
            stems.check_name(str(stem))
        strange = [stem for stem in own if stem not in truth and stem not in stems.ORDER]
        if strange or not own:
            given = strange[0] if strange else ""
            raise ConfigError(
                f"{model} has no stem with a reference{f', but {given!r}' if given else ''}: "
                f"{did_you_mean(given, truth) if given else ''}references are {', '.join(truth)}."
            )


def _rate_of(own: Mapping[str, AudioLike]) -> int | None:
    return own.rate if isinstance(own, Stems) else None


class _Files:
    """Audio as files: those that are given, and arrays written beside each other."""

    def __init__(self, folder: Path, rate: int | None) -> None:
        self._folder, self._rate, self._count = folder, rate, 0

    def source(self, audio: AudioLike, what: str, rate: int | None = None) -> Source:
        if is_file(audio):
            return Source(place(os.fspath(cast("str | os.PathLike[str]", audio))))
        given = decoded(audio, rate if rate is not None else self._rate, what)
        self._count += 1
        file = self._folder / f"{self._count}.wav"
        soundfile.write(file, given.samples.T, given.sample_rate, subtype="FLOAT")
        return Source(file)
