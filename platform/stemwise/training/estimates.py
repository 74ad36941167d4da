"""Estimated parents to train on: what a model of level 2 hears when level 1 is not perfect."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from stemwise.core.errors import OutputError
from stemwise.core.types import Audio
from stemwise.training.songs import LEAVES, SCALE, SongBank


def with_estimates(bank: SongBank, folder: Path, separate: Callable[[Audio], Audio]) -> SongBank:
    """Return the bank with an estimated parent for each song; what is missing is made and kept.

    Args:
        bank: songs whose files have names.
        folder: of this parent, model and generator; holds int16 `(2, samples)` per song.
        separate: maps a mixture `(2, samples)` to the estimated parent of the same shape.

    Raises:
        OutputError: the folder cannot be written.
    """
    paths = [folder / name for name in bank.names]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for index, path in enumerate(paths):
            if not path.is_file():
                _keep(path, separate(_mixture(bank, index)))
        return replace(bank, estimates=[np.load(path, mmap_mode="r") for path in paths])
    except OSError as error:
        raise OutputError(
            f"Estimates cannot be kept in {folder} ({error.strerror or error}): choose another "
            "song_folder= or make room (2.5 MB a song)."
        ) from error


def _mixture(bank: SongBank, index: int) -> Audio:
    samples = bank.length(index)
    total = np.zeros((2, samples), np.float32)
    for leaf in LEAVES:
        total += bank.read(index, leaf, 0, samples)
    return total


def _keep(path: Path, sound: Audio) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        np.save(file, np.clip(np.round(sound * SCALE), -32_768, 32_767).astype(np.int16))
    temporary.replace(path)
