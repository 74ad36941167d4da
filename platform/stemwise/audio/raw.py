"""Audio in a raw file that is read in slices.

A memory map would do the same, but its pages count as the process's memory until the system wants
them back, so an hour of music looks like gigabytes to whoever watches (or limits) memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemwise.core.types import CHANNELS, Audio

_BLOCK = 1 << 15  # frames that are taken apart while they are in the CPU's cache


@dataclass(frozen=True)
class RawAudio:
    """Float32 frames in `path`, seen as `(2, samples)`; slicing the last axis reads from disk."""

    path: Path
    samples: int

    ndim = 2

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, samples)."""
        return CHANNELS, self.samples

    def __getitem__(self, index: tuple[slice, slice]) -> Audio:
        channels, span = index
        start, stop, step = span.indices(self.samples)
        if step != 1:
            raise IndexError("RawAudio is read in steps of 1.")
        count = max(0, stop - start)
        audio: Audio = np.empty((len(range(CHANNELS)[channels]), count), np.float32)
        done = 0
        for frames in self._read(start, count, _BLOCK):
            for place, samples in zip(audio, frames.T[channels], strict=True):
                place[done : done + len(samples)] = samples
            done += len(frames)
        return audio if done == count else audio[:, :done].copy()

    def frames(self, block: int) -> Iterator[Audio]:
        """Yield all frames, `(n, 2)` as they lie on disk, `block` at a time."""
        return self._read(0, self.samples, block)

    def _read(self, start: int, count: int, block: int) -> Iterator[Audio]:
        """Yield up to `count` frames; fewer where the file is cut."""
        with self.path.open("rb") as file:
            file.seek(start * CHANNELS * np.dtype(np.float32).itemsize)
            for done in range(0, count, block):
                samples = np.fromfile(file, np.float32, min(block, count - done) * CHANNELS)
                yield samples.reshape(-1, CHANNELS)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Audio:
        """Return all of it in memory, for numpy."""
        return self[:, :]


Signal = Audio | RawAudio
