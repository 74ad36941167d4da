"""Songs to train on: rendered once, kept as 16-bit arrays that are read in slices.

The evaluation's songs have seeds below 10,000,000 (docs/demo-songs.md). Training starts at 10,000,000
and validation at 20,000,000, so that no model ever sees a song it is measured on.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.types import CHANNELS, SAMPLE_RATE, Audio
from stemwise.datasets.synthesis import song

TRAINING_SEED, VALIDATION_SEED = 10_000_000, 20_000_000
LEAVES = song.LEAVES
SCALE = 16_384  # leaves may peak above full scale, up to 2


@dataclass(frozen=True)
class SongBank:
    """Memory-mapped songs, each int16 `(leaves, 2, samples)` in the order of `LEAVES`.

    `names` are those of their files. `estimates`, where there are any, are a parent as a model of
    level 1 estimated it, int16 `(2, samples)` per song.
    """

    songs: Sequence[npt.NDArray[np.int16]]
    names: Sequence[str] = ()
    estimates: Sequence[npt.NDArray[np.int16]] = ()

    def __len__(self) -> int:
        return len(self.songs)

    def length(self, index: int) -> int:
        """Return the samples of a song."""
        return int(self.songs[index].shape[2])

    def read(self, index: int, leaf: str, start: int, samples: int) -> Audio:
        """Return `(2, samples)` float32 of one leaf from `start` on."""
        return _float(self.songs[index][LEAVES.index(leaf), :, start : start + samples])

    def read_estimate(self, index: int, start: int, samples: int) -> Audio:
        """Return `(2, samples)` float32 of the estimated parent from `start` on."""
        return _float(self.estimates[index][:, start : start + samples])


def _float(part: npt.NDArray[np.int16]) -> Audio:
    return part.astype(np.float32) / np.float32(SCALE)


def open_bank(
    folder: Path, first_seed: int, count: int, duration_s: float, workers: int = 1
) -> SongBank:
    """Render what is missing and return `count` songs, their genres taking turns.

    Raises:
        ConfigError: no songs, or seeds that evaluation uses.
        OutputError: the folder cannot be written.
    """
    if count < 1 or first_seed < TRAINING_SEED:
        raise ConfigError(
            f"{count} songs from seed {first_seed} are not usable: give at least 1, and seeds from "
            f"{TRAINING_SEED} on, since those below belong to evaluation."
        )
    names = [
        (song.GENRES[i % len(song.GENRES)], first_seed + i // len(song.GENRES))
        for i in range(count)
    ]
    paths = [
        folder / f"generator{song.VERSION}" / f"{duration_s:g}s" / f"{g}-{s}.npy" for g, s in names
    ]
    missing = [
        (genre, seed, duration_s, path)
        for (genre, seed), path in zip(names, paths, strict=True)
        if not path.is_file()
    ]
    try:
        _render_all(missing, workers)
        songs = [np.load(path, mmap_mode="r") for path in paths]
        return SongBank(songs, [path.name for path in paths])
    except OSError as error:
        raise OutputError(
            f"Training songs cannot be kept in {folder} ({error.strerror or error}): "
            "choose another output= or make room (25 MB a song)."
        ) from error


def _render_all(missing: Sequence[tuple[str, int, float, Path]], workers: int) -> None:
    if not missing:
        return
    missing[0][3].parent.mkdir(parents=True, exist_ok=True)
    if workers == 1:
        for item in missing:
            _render(item)
        return
    # spawned, since forking a process whose torch has threads may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as executor:
        list(executor.map(_render, missing, chunksize=4))


def _render(item: tuple[str, int, float, Path]) -> None:
    genre, seed, duration_s, path = item
    leaves = song.render(genre, seed, duration_s)
    stacked = np.stack([leaves[leaf] for leaf in LEAVES])
    if stacked.shape[1] != CHANNELS:
        raise ConfigError(
            f"The generator returned {stacked.shape[1]} channels at {SAMPLE_RATE} Hz."
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        np.save(file, np.clip(np.round(stacked * SCALE), -32_768, 32_767).astype(np.int16))
    temporary.replace(path)
