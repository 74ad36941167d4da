"""The embedded `demo` dataset: songs by a procedural band, and one real recording.

Its scores say whether a pipeline works, not how good a separator is on music (docs/demo-songs.md).
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import soundfile

from stemwise.core import config, stems
from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.places import Place, is_local
from stemwise.core.types import SAMPLE_RATE, Audio, Reference, Source, Track
from stemwise.datasets import base
from stemwise.datasets.synthesis import song
from stemwise.datasets.synthesis.composition import style_of
from stemwise.datasets.synthesis.signals import samples_of

log = logging.getLogger(__name__)

_MOST_SONGS = 999
# Training songs have seeds from 10,000,000 on (stemwise.training.songs), which evaluation never meets.
_SEEDS = 10_000_000 // (_MOST_SONGS + 1)
_REAL_FILE = "The Easton Ellises - Falcon 69.stem.mp4"
_REAL_STREAMS = {"drums": 1, "bass": 2, "other": 3, "vocals": 4}
_REAL_PROBLEM = (
    "Every stream, the mixture included, has a click of its own near 0.05 s and 6.05 s, and the "
    "mixture was limited: the stems add up to it with an SNR of only 15 dB (21 to 23 dB between)."
)
# Two genres share two artists: statistics that resample artists need several artists, and more than
# one song of each.
_SONGWRITERS = ("Paper Lanterns", "Ivy Court")
_BANDS = ("The Hollow Meadow", "Tin Harbour Five")
_PRODUCERS = ("Nova Kestrel", "Low Tide Index")
_ARTISTS = {
    "singer_songwriter": _SONGWRITERS,
    "pop": _SONGWRITERS,
    "rock": _BANDS,
    "jazz": _BANDS,
    "rap": _PRODUCERS,
    "electronic": _PRODUCERS,
}
_ADJECTIVES = ("Quiet", "Golden", "Broken", "Electric", "Distant", "Crooked", "Last", "Velvet")
_NOUNS = ("Harbour", "Signal", "Morning", "Staircase", "Orchard", "Satellite", "River", "Avenue")


@dataclass(frozen=True)
class _Song:
    """One song of the set: the seed belongs to the dataset's seed and the song's number."""

    genre: str
    number: int
    seed: int

    @property
    def track_id(self) -> str:
        return f"{self.genre}-{self.number:02d}"

    @property
    def title(self) -> str:
        turn = song.GENRES.index(self.genre) * 11 + self.seed
        return f"{_ADJECTIVES[turn // 8 % 8 - turn % 8]} {_NOUNS[turn % 8]}"


class DemoDataset:
    """Songs that are rendered once, then read from disk.

    Args:
        root: Where the songs are kept; by default in stemwise's cache folder.
        songs_per_genre: How many songs each genre gets.
        duration_s: Length of each song in seconds.
        seed: Other seeds give other songs.
        real_track: Add the real excerpt that the package stempeg carries.
        genres: Which genres to render; all by default.

    Raises:
        ConfigError: a value is out of its range, or a genre is unknown.
    """

    name = "demo"

    def __init__(
        self,
        *,
        root: Place | str | None = None,
        songs_per_genre: int = 2,
        duration_s: float = 14.0,
        seed: int = 0,
        real_track: bool = True,
        genres: Sequence[str] | None = None,
    ) -> None:
        if not 1 <= songs_per_genre <= _MOST_SONGS:
            raise ConfigError(
                f"songs_per_genre={songs_per_genre} is not usable: give 1 to {_MOST_SONGS}."
            )
        if not 0 < duration_s < float("inf"):
            raise ConfigError(f"duration_s={duration_s} is not usable: give seconds above 0.")
        if not 0 <= seed < _SEEDS:
            raise ConfigError(
                f"seed={seed} is not usable: give a whole number from 0 to {_SEEDS - 1}; the songs of "
                "higher ones are what the demo zoo was trained on."
            )
        self.genres = tuple(dict.fromkeys(song.GENRES if genres is None else genres))
        for genre in self.genres:
            style_of(genre)
        if not self.genres and not real_track:
            raise ConfigError("The demo has no songs: name a genre or set real_track=true.")
        chosen = config.home() / "datasets" / "demo-v1" if root is None else base.root_of(root)
        if not is_local(chosen):
            raise ConfigError(
                f"dataset.root={chosen} is not usable for dataset=demo, which renders its songs into a "
                "folder of this machine: give one, or leave dataset.root out."
            )
        self.root = chosen
        self.songs_per_genre = songs_per_genre
        self.duration_s = duration_s
        self.seed = seed
        self.real_track = real_track

    @property
    def folder(self) -> Path:
        """Folder of the songs; its name holds everything that decides their samples."""
        length = samples_of(self.duration_s)
        return self.root / f"generator{song.VERSION}-seed{self.seed}-samples{length}"

    def tracks(self) -> list[Track]:
        """Render what is missing and return all tracks.

        Raises:
            OutputError: the folder cannot be written.
        """
        songs = self._songs()
        for one in songs:
            self._ensure(one)
        tracks = [self._track(one) for one in songs]
        real = _real_track() if self.real_track else None
        return tracks if real is None else [*tracks, real]

    def _songs(self) -> list[_Song]:
        return [
            _Song(genre, number, self.seed * (_MOST_SONGS + 1) + number)
            for genre in self.genres
            for number in range(1, self.songs_per_genre + 1)
        ]

    def _ensure(self, one: _Song) -> None:
        """Render a song unless it is there whole."""
        place = self.folder / one.track_id
        if all((place / f"{leaf}.flac").is_file() for leaf in song.LEAVES):
            return
        log.info("rendering %s into %s", one.track_id, place)
        leaves = song.render(one.genre, one.seed, self.duration_s)
        with _writing(self.root):
            _write_whole(leaves, place)

    def _track(self, one: _Song) -> Track:
        place = self.folder / one.track_id
        voice = song.voice_of(one.genre, one.seed)
        references = {
            stem: _reference(stem, song.CHILDREN.get(stem, (stem,)), place, voice)
            for stem in stems.in_order((*stems.LEVEL1, *song.LEAVES))
        }
        return Track(
            dataset=self.name,
            track_id=one.track_id,
            title=one.title,
            partition=stems.LEVEL1,
            references=references,
            artist=_ARTISTS[one.genre][one.number % 2],
            genre=one.genre,
            split="test",
            has_bleed=False,
        )


def _reference(stem: str, leaves: Sequence[str], place: Path, voice: str) -> Reference:
    """Name a stem's files; lead and backing singers of a song are of one kind."""
    return Reference(
        stem=stem,
        sources=tuple(Source(place / f"{leaf}.flac") for leaf in leaves),
        voice=voice if stem in ("vocals", "lead_vocals", "backing_vocals") else None,
        has_bleed=False,
    )


def _write_whole(leaves: dict[str, Audio], place: Path) -> None:
    """Write a song's folder in one step, so that nobody ever sees half a song.

    Two processes may render the same song at once: the first rename wins, and the second process
    puts its files, which hold the same samples, over the first's.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own, not tempfile's: that would hide the folder from other users of the cache.
    temporary = place.with_name(f".{place.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        for leaf, samples in leaves.items():
            path = temporary / f"{leaf}.flac"
            soundfile.write(path, samples.T, SAMPLE_RATE, subtype="PCM_24")
        try:
            temporary.rename(place)
        except OSError:
            if not place.is_dir():
                raise
            for file in temporary.iterdir():
                file.replace(place / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, soundfile.SoundFileError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"The demo songs cannot be written to {root} ({reason}): "
            f"set dataset.root or ${config.HOME_VARIABLE} to a folder with space that you may write."
        ) from error


def _real_track() -> Track | None:
    """Return the real song, or None, with a warning, where stempeg is not installed."""
    # Importing stempeg looks for ffmpeg and fails without it; its file is all that is needed.
    spec = importlib.util.find_spec("stempeg")
    origin = None if spec is None or spec.origin is None else Path(spec.origin)
    path = None if origin is None else origin.parent / "data" / _REAL_FILE
    if path is None or not path.is_file():
        log.warning(
            "The demo's real song is left out, as the package stempeg that carries it is not "
            "installed: run `pip install 'stemwise[demo]'` or set dataset.real_track=false."
        )
        return None
    return Track(
        dataset=DemoDataset.name,
        track_id="the-easton-ellises-falcon-69",
        title="Falcon 69",
        partition=stems.in_order(_REAL_STREAMS),
        references={
            stem: Reference(stem, (Source(path, stream),), has_bleed=False)
            for stem, stream in sorted(_REAL_STREAMS.items(), key=lambda s: stems.sort_key(s[0]))
        },
        mixture=Source(path, 0),
        artist="The Easton Ellises",
        genre="rock",
        split="test",
        has_bleed=False,
        problems=(_REAL_PROBLEM,),
    )
