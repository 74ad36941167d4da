"""`stemwise.separate` and `stemwise.Separator`: songs to stems in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from stemwise import audio as decoding
from stemwise.api.arrays import AudioLike, decoded, is_file
from stemwise.api.stems import Stems
from stemwise.core.config import DEFAULT_RECIPE
from stemwise.core.errors import ConfigError
from stemwise.core.places import local_copy, place
from stemwise.core.precision import AUTO, CHOICES, Choice
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.jobs.separation import plan_of, separated, separator_of
from stemwise.models.overlap import OVERLAPS, Overlap
from stemwise.models.registry import names
from stemwise.separation.recipe import Recipe
from stemwise.separation.recipe_separator import Progress

RecipeLike = str | os.PathLike[str] | Recipe
# called with (model, share that is done, from 0 to 1)
Watch = Callable[[str, float], None]


class Separator:
    """A recipe whose models stay loaded from song to song.

    Args:
        recipe: a model of the zoo (`stemwise models`), a named recipe, a recipe's or checkpoint's file,
            or a `Recipe`, such as `Run.recipe`.
        level2: level-2 models, for example `"drumsep"`.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        overlap: `reference`, `fast`, or None for what the recipe was measured with.
        precision: of a GPU's arithmetic: `auto`, `fp32`, `tf32`, `bf16` or `fp16`.

    Raises:
        ConfigError: no such recipe, model or setting.
        DeviceError: a device that this machine does not have.

    Example:
        >>> separator = stemwise.Separator("htdemucs_6s", level2="drumsep")
        >>> for song in songs:
        ...     separator(song).save(f"stems/{song.stem}")
    """

    def __init__(
        self,
        recipe: RecipeLike = DEFAULT_RECIPE,
        *,
        level2: str | Sequence[str] = (),
        device: str = "auto",
        overlap: Overlap | None = None,
        precision: Choice = AUTO,
    ) -> None:
        if precision not in CHOICES:
            raise ConfigError(f"precision={precision} is unknown: use {', '.join(CHOICES)}.")
        if overlap not in (None, *OVERLAPS):
            raise ConfigError(f"overlap={overlap} is unknown: use reference or fast.")
        named = recipe if isinstance(recipe, Recipe) else os.fspath(recipe)
        self.recipe = plan_of(named, _listed(level2), overlap)
        self._run = separator_of(self.recipe, device, precision)
        self._lock = threading.Lock()

    def __call__(
        self,
        audio: AudioLike,
        *,
        rate: int | None = None,
        stems: str | Sequence[str] | None = None,
        progress: Watch | None = None,
    ) -> Stems:
        """Separate one song; see `stemwise.separate` for arguments and errors."""
        wanted = _listed(stems or ())
        if not is_file(audio):
            return self._separate_array(audio, rate, wanted, progress)
        if rate is not None:
            raise ConfigError("rate= is for arrays: a file knows its own, so leave it out.")
        with local_copy(place(os.fspath(cast("str | os.PathLike[str]", audio)))) as file:
            return Stems(self._arrays(file, wanted, progress), SAMPLE_RATE, self.recipe.name)

    def _separate_array(
        self, audio: object, rate: object, wanted: tuple[str, ...], progress: Watch | None
    ) -> Stems:
        given = decoded(audio, rate)
        made = self._arrays(decoding.to_layout(given), wanted, progress)
        if given.sample_rate != SAMPLE_RATE:
            length = given.samples.shape[1]
            for stem, signal in made.items():
                back = decoding.resample(signal, SAMPLE_RATE, given.sample_rate)
                made[stem] = decoding.fit_length(back, length)
        return Stems(made, given.sample_rate, self.recipe.name)

    def _arrays(
        self, song: Path | Audio, wanted: tuple[str, ...], progress: Watch | None
    ) -> dict[str, Audio]:
        def watching(length: int) -> Progress:
            if progress is None:
                return lambda *_: None
            return lambda model, done: progress(model, done / length)

        with self._lock, separated(song, self._run, wanted, watching) as made:
            return {stem: spool.read(stem)[:, :] for stem, spool in made.items()}

    def __repr__(self) -> str:
        return f"Separator({self.recipe.name})"


def separate(
    audio: AudioLike,
    recipe: RecipeLike = DEFAULT_RECIPE,
    *,
    rate: int | None = None,
    stems: str | Sequence[str] | None = None,
    level2: str | Sequence[str] = (),
    device: str = "auto",
    overlap: Overlap | None = None,
    precision: Choice = AUTO,
    progress: Watch | None = None,
) -> Stems:
    """Separate a song into its stems, without Ray, as `stemwise separate` does.

    The last recipe's models stay loaded, so that a loop over songs loads them once; your own
    checkpoints are read anew each time, since the file may have changed (`Separator` keeps them, too).

    Args:
        audio: a file (path, or URI that fsspec knows), or a numpy array or torch tensor of floats with
            shape `(samples,)`, `(1, samples)` or `(2, samples)`. Mono is doubled.
        recipe: see `Separator`.
        rate: sample rate of an array in Hz; needed there, and not allowed for files.
        stems: names of those to make; None makes all.
        level2: see `Separator`, as `device`, `overlap` and `precision`.
        progress: called with (model, share that is done).

    Returns:
        Stem → `(2, samples)` float32. Stems of an array have its rate and length, so that they can be
        subtracted from it; at other rates than 44.1 kHz they are resampled there and back (soxr VHQ).
        Stems of a file are at 44.1 kHz, the samples that `stemwise separate` writes.

    Raises:
        ConfigError: an unknown recipe, model, stem or setting, or an array of another shape or type.
        AudioError: a file that cannot be decoded, or an array with NaN, infinity or no samples.
        CheckpointError: a checkpoint that cannot be fetched.
        DeviceError: a device that this machine does not have.

    Example:
        >>> stems = stemwise.separate("song.flac", "htdemucs_6s", stems=["vocals", "drums"])
        >>> karaoke = mixture - stemwise.separate(mixture, rate=48_000)["vocals"]
    """
    separator = Separator(
        recipe, level2=level2, device=device, overlap=overlap, precision=precision
    )
    kept = _KEPT.like(separator, (device, precision))
    return kept(audio, rate=rate, stems=stems, progress=progress)


class _Kept:
    """The last separator, for the next call with the same recipe and settings."""

    def __init__(self) -> None:
        self._last: tuple[Recipe, tuple[str, str], Separator] | None = None
        self._lock = threading.Lock()

    def like(self, made: Separator, settings: tuple[str, str]) -> Separator:
        """Return a separator that equals the one made just now, with its models loaded if possible."""
        with self._lock:
            last = self._last
            if last is not None and last[:2] == (made.recipe, settings):
                return last[2]
            if set(made.recipe.models()) <= set(names()) and not made.recipe.entries:
                self._last = (made.recipe, settings, made)
            else:
                self._last = None
            return made


_KEPT = _Kept()


def _listed(names_: str | Sequence[str]) -> tuple[str, ...]:
    return (names_,) if isinstance(names_, str) else tuple(names_)
