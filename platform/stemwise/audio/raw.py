"""Audio in a raw file that is read in slices.

A memory map would do the same, but its pages count as the process's memory until the system wants
them back, so an hour of music looks like gigabytes to whoever watches (or limits) memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemwise.core.types import CHANNELS, Audio


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
        frames = np.fromfile(
            self.path,
            np.float32,
            count=max(0, stop - start) * CHANNELS,
            offset=start * CHANNELS * np.dtype(np.float32).itemsize,
        )
        return np.ascontiguousarray(frames.reshape(-1, CHANNELS).T[channels])

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Audio:
        """Return all of it in memory, for numpy."""
        return self[:, :]


Signal = Audio | RawAudio
