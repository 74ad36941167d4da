"""What is read from published scores, whatever their format."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from stemwise.core import stems
from stemwise.core.checks import is_number
from stemwise.core.errors import DatasetError
from stemwise.core.types import FILE_PREFIX, RECIPE_PREFIX
from stemwise.datasets.base import slug
from stemwise.selection.oracle import ORACLE

# museval's names of its four scores, and the columns of `scores` that hold them
COLUMNS = {
    "SDR": "museval_sdr",
    "ISR": "museval_isr",
    "SIR": "museval_sir",
    "SAR": "museval_sar",
}
Scores = Mapping[str, float | None]
# what was measured: medians over museval's frames, or whatever the authors of a table did
MUSEVAL, TABLE = "museval (BSS Eval v4)", "as published in a table"
UNDEFINED = "Every frame is undefined in the source: a reference or an estimate is silent."
_ALIASES = {"accompaniment": stems.INSTRUMENTAL}


@dataclass(frozen=True)
class Frames:
    """Length of museval's frames and distance between them in seconds.

    Distance is None where no target has two frames.
    """

    window_s: float
    hop_s: float | None = None

    def fits(self, other: Frames) -> bool:
        """Tell whether medians over these and over the other's frames are the same measure."""
        if not math.isclose(self.window_s, other.window_s, rel_tol=1e-6):
            return False
        if self.hop_s is None or other.hop_s is None:
            return True
        return math.isclose(self.hop_s, other.hop_s, rel_tol=1e-6)

    def __str__(self) -> str:
        every = "" if self.hop_s is None else f" every {self.hop_s:g} s"
        return f"frames of {self.window_s:g} s{every}"


# every model names the same songs
_id_of = lru_cache(maxsize=100_000)(slug)


@dataclass(frozen=True)
class TrackScores:
    """What one model scores on one track.

    Attributes:
        model: its name.
        title: the track's, usually `Artist - Title`.
        source: the file, relative to what was imported.
        split: `train`, `test` or None where it is unknown.
        stems: stem → column → dB; None is undefined.
        rejected: stems by the source's name that cannot be used → why.
        error: why nothing could be read, or None.
        frames: what the medians were taken over, where the source says so.
        seconds_per_minute: the source's cost of the model, seconds of compute per minute of audio.
        artist: the track's, where the source says it; else it is part of the title.
        genre: the track's, where the source says it.
        dataset: the track's, where the source says it.
    """

    model: str
    title: str
    source: str
    split: str | None = None
    stems: Mapping[str, Scores] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    frames: Frames | None = None
    seconds_per_minute: float | None = None
    artist: str | None = None
    genre: str | None = None
    dataset: str | None = None

    @property
    def track_id(self) -> str:
        """The id that stemwise's own readers give to the song."""
        return _id_of(self.title)


@dataclass(frozen=True)
class Source:
    """Where a model's scores come from: path as given, number of files, digest of their content."""

    model: str
    input: str
    files: int
    sha256: str


@dataclass(frozen=True)
class Published:
    """Everything read from one input.

    Attributes:
        tracks: one entry per model and track.
        sources: one entry per model.
        frames: what all medians were taken over.
        device: where the models' cost was measured, if it is known.
        notes: sentences about what was left out.
        incomplete: something that should be there is not (an empty folder of a method).
        measure: what was measured.
        columns: the scores that it has.
        undefined: what is said of a row without any score.
    """

    tracks: Sequence[TrackScores]
    sources: Sequence[Source]
    frames: Frames
    device: str | None = None
    notes: Sequence[str] = ()
    incomplete: bool = False
    measure: str = MUSEVAL
    columns: tuple[str, ...] = tuple(COLUMNS.values())
    undefined: str = UNDEFINED

    @property
    def models(self) -> list[str]:
        """Names of the models, sorted."""
        return sorted({track.model for track in self.tracks})


def stem_of(name: str, given: Mapping[str, str]) -> str:
    """Return our name of a stem that a source calls `name`; `given` are the user's own translations.

    Raises:
        DatasetError: it is none of the stem tree.
    """
    plain = name.strip().lower()
    stem = given.get(name, _ALIASES.get(plain, plain))
    if stem not in stems.ORDER:
        raise DatasetError(
            f"target {name!r} is not a known stem: say which one it is with 'stems={{{name}: other}}'"
        )
    return stem


def check_model(name: str, source: str) -> str:
    """Return a model's name if it can stand in the tables.

    Raises:
        DatasetError: it is empty, or means something else there.
    """
    prefixed = name.startswith((FILE_PREFIX, RECIPE_PREFIX))
    if not name.strip() or not name.isprintable() or name == ORACLE or prefixed:
        raise DatasetError(
            f"{source}: {name!r} cannot name a model, since it means something else in the tables: "
            "rename the folder or entry."
        )
    return name


def decibels(value: object, where: str) -> float:
    """Return a number of a JSON file; null is NaN, infinite values stay.

    Raises:
        DatasetError: it is no number.
    """
    if value is None:
        return math.nan
    if not is_number(value):
        raise DatasetError(f"{where} is {str(value)[:40]!r}, not a number")
    try:
        return float(value)
    except OverflowError as error:  # a whole number of hundreds of digits
        raise DatasetError(f"{where} is too large for a number of decibels") from error


def common_frames(tracks: Sequence[TrackScores], default: Frames) -> Frames:
    """Return what the medians of all tracks were taken over.

    Raises:
        DatasetError: two of them differ.
    """
    known = [(track, track.frames) for track in tracks if track.frames is not None]
    if not known:
        return default
    first, frames = next((item for item in known if item[1].hop_s is not None), known[0])
    for track, own in known:
        if not own.fits(frames):
            raise DatasetError(
                f"{track.source} has {own}, but {first.source} has {frames}, and medians over "
                "different frames are not comparable: import them into different output= folders."
            )
    return frames


def named(names: Sequence[str], most: int = 6) -> str:
    """Return names for a sentence, the first few of many."""
    return ", ".join(names[:most]) + (" and others" if len(names) > most else "")
