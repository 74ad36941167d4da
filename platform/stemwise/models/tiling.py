"""How a track is cut into the chunks that a model sees, and how its outputs are weighted together.

A tiling turns a track length into tiles, in order of time. Each tile reads a stretch of the track
(samples beyond either end are zeros), and its output counts, with a weight per sample, on a part of
that stretch. The finished estimate is Σ weight·output / Σ weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from stemwise.core.errors import ConfigError


@dataclass(frozen=True)
class Tile:
    """Read `[read_start, read_stop)`, keep `[start, stop)` of it with `weight` (stop − start,).

    Samples beyond the track are zeros, unless `sources` names for each sample read its place in the
    track (−1: silence), as tilings do that extend the track by reflection.
    """

    read_start: int
    read_stop: int
    start: int
    stop: int
    weight: Tensor
    sources: Tensor | None = None

    @property
    def kept(self) -> slice:
        """The samples of what is read on which the output counts."""
        return slice(self.start - self.read_start, self.stop - self.read_start)


class Tiling(Protocol):
    """A rule that covers any track length with tiles of positive total weight."""

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield tiles with non-decreasing `start` that cover `[0, length)`."""
        ...

    def settings(self) -> dict[str, object]:
        """Return what tells this tiling from others of its kind."""
        ...


class CountedTiling(Tiling, Protocol):
    """A tiling that knows, without making any tile, how much of a track its model hears."""

    def heard(self, length: int) -> int:
        """Return the samples of all tiles, overlaps and padding included."""
        ...


def triangle(chunk: int) -> Tensor:
    """Return demucs' weight: rises linearly to 1 in the middle of the chunk and falls again."""
    half = chunk // 2
    weight = torch.cat([torch.arange(1, half + 1), torch.arange(chunk - half, 0, -1)]).float()
    return weight / weight.max()


@dataclass(frozen=True)
class CenteredTiling:
    """demucs' `apply_model`: triangular weights, the model's valid length centred on each chunk.

    Where the model wants more samples than the chunk has, real neighbouring audio fills both sides
    and only what lies beyond the track is zero. `valid_length` maps a chunk's length to what the
    model reads; `overlap` is the overlapping share of a chunk. demucs begins a chunk wherever a stride
    ends before the track does, even where the chunk before reaches the end; `exact` leaves that out.
    """

    chunk: int
    overlap: float = 0.25
    valid_length: Callable[[int], int] = int
    exact: bool = False

    def __post_init__(self) -> None:
        if self.chunk < 1 or not 0 <= self.overlap < 1 or self.stride < 1:
            raise ConfigError(
                f"A chunk of {self.chunk} samples with an overlap of {self.overlap} is not possible: "
                "give a longer chunk, and an overlap from 0 to below 1."
            )

    @property
    def stride(self) -> int:
        """Samples from one chunk's start to the next one's."""
        return int((1 - self.overlap) * self.chunk)

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield chunks at multiples of the stride, the last ones cut at the end of the track."""
        weight = triangle(self.chunk)
        for start in self._starts(length):
            size = min(self.chunk, length - start)
            read_length = self.valid_length(size)
            read_start = start - (read_length - size) // 2
            yield Tile(read_start, read_start + read_length, start, start + size, weight[:size])

    def heard(self, length: int) -> int:
        """Return the samples that the model hears of a track."""
        sizes = (min(self.chunk, length - start) for start in self._starts(length))
        return sum(self.valid_length(size) for size in sizes)

    def _starts(self, length: int) -> range:
        # a chunk that begins at this end or later lies within the one before
        end = max(1, length - self.chunk + self.stride) if self.exact else length
        return range(0, end, self.stride)

    def settings(self) -> dict[str, object]:
        """Return chunk and overlap; the valid length follows from the checkpoint."""
        exact = {"exact": True} if self.exact else {}
        return {"tiling": "centered", "chunk": self.chunk, "overlap": self.overlap, **exact}


@dataclass(frozen=True)
class FrameTiling:
    """Groups of STFT frames, so that the result equals one STFT over the whole track.

    Frame t is centred on sample t·hop (as `torch.stft(center=True, pad_mode="constant")`). A tile
    holds `frames` frames; the model synthesises them as Σ frame·window / Σ window², and the weight is
    that Σ window², so the engine's weighted sum is the overlap-add of all frames of all tiles.
    """

    n_fft: int
    hop: int
    frames: int

    def __post_init__(self) -> None:
        if self.n_fft % 2 or not 1 <= self.hop <= self.n_fft // 2 or self.frames < 1:
            raise ConfigError(
                f"An STFT of n_fft {self.n_fft} and hop {self.hop} does not cover a track: "
                "n_fft must be even and hop from 1 to half of it."
            )

    @property
    def chunk(self) -> int:
        """Samples that one tile reads."""
        return (self.frames - 1) * self.hop + self.n_fft

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield tiles of `frames` frames until the frame centres pass the end of the track."""
        weight = window_envelope(self.n_fft, self.hop, self.frames)
        for group in range(math.ceil((length // self.hop + 1) / self.frames)):
            read_start = group * self.frames * self.hop - self.n_fft // 2
            # a periodic Hann window is 0 at its first sample, which therefore has no weight
            start, stop = max(read_start + 1, 0), min(read_start + self.chunk, length)
            if start < stop:
                kept = weight[start - read_start : stop - read_start]
                yield Tile(read_start, read_start + self.chunk, start, stop, kept)

    def settings(self) -> dict[str, object]:
        """Return STFT size, hop and frames per tile."""
        return {"tiling": "frames", "n_fft": self.n_fft, "hop": self.hop, "frames": self.frames}


def window_envelope(n_fft: int, hop: int, frames: int) -> Tensor:
    """Return Σ window² of `frames` Hann frames, shape `((frames − 1)·hop + n_fft,)`."""
    squared = torch.hann_window(n_fft) ** 2
    envelope = torch.zeros((frames - 1) * hop + n_fft)
    for frame in range(frames):
        envelope[frame * hop : frame * hop + n_fft] += squared
    return envelope
