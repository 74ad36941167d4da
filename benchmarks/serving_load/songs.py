"""Songs of mixed lengths from the demo's generator; no two are alike."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from stemwise.core.types import SAMPLE_RATE
from stemwise.datasets.synthesis import song

_SEED = 500  # any songs but those of the demo set would do as well


@dataclass(frozen=True)
class Song:
    """A file to separate."""

    path: Path
    frames: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / SAMPLE_RATE

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return self.path.stem


def render(folder: Path, count: int, lengths_s: Sequence[float]) -> list[Song]:
    """Write `count` songs, whose lengths take turns, in an order that is the same each time."""
    folder.mkdir(parents=True, exist_ok=True)
    songs = [_song(folder, number, lengths_s[number % len(lengths_s)]) for number in range(count)]
    random.Random(0).shuffle(songs)
    return songs


def _song(folder: Path, number: int, seconds: float) -> Song:
    genre = song.GENRES[number % len(song.GENRES)]
    mixture = sum(song.render(genre, _SEED + number, seconds).values())
    path = folder / f"{folder.name}-{number:03d}.flac"
    soundfile.write(path, mixture.T, SAMPLE_RATE, subtype="PCM_24")  # type: ignore[union-attr]
    return Song(path, mixture.shape[1])  # type: ignore[union-attr]
