"""The tiling of ZFTurbo's Music-Source-Separation-Training (MSST), which SCNet and RoFormer users know.

Both ends of the track are extended by reflection, chunks overlap `num_overlap`-fold, and every chunk
fades in and out linearly over a tenth of its length. MSST sets the window's edges per batch, so that
its output depends on the batch size; here they are set per chunk, as it does with batches of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwise.core.errors import ConfigError
from stemwise.models.tiling import Tile


@dataclass(frozen=True)
class ReflectTiling:
    """Chunks of `chunk` samples, one every chunk/num_overlap samples.

    Raises:
        ConfigError: a chunk or overlap that cannot cover a track.
    """

    chunk: int
    num_overlap: int

    def __post_init__(self) -> None:
        if self.num_overlap < 1 or self.chunk // 10 < 1 or self.chunk < self.num_overlap:
            raise ConfigError(
                f"chunk {self.chunk} and num_overlap {self.num_overlap} do not cover a track: "
                "num_overlap starts at 1, and a chunk has at least 10 samples."
            )

    @property
    def step(self) -> int:
        """Samples from one chunk's start to the next one's."""
        return self.chunk // self.num_overlap

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield the chunks that reach into the track; those wholly in the extension do not count."""
        border = self._border(length)
        extended = length + 2 * border
        for begin in self._begins(length):
            held = min(self.chunk, extended - begin)
            start, stop = max(begin - border, 0), min(begin - border + held, length)
            weight = self._window(first=begin == 0, last=begin + self.step >= extended)
            read_start = begin - border
            yield Tile(
                read_start,
                read_start + self.chunk,
                start,
                stop,
                weight[start - read_start : stop - read_start],
                self._sources(read_start, held, length),
            )

    def heard(self, length: int) -> int:
        """Return the samples that the model hears of a track."""
        return self.chunk * len(self._begins(length))

    def _border(self, length: int) -> int:
        """Return by how much each end is extended: not at all where it is longer than the track."""
        border = self.chunk - self.step
        return border if length > 2 * border else 0

    def _begins(self, length: int) -> range:
        """Return where in the extended track the chunks begin that reach into the track itself."""
        return range(0, length + self._border(length), self.step)

    def _sources(self, read_start: int, held: int, length: int) -> Tensor:
        """Return for each sample of a chunk its place in the track; −1 is silence."""
        place = torch.arange(self.chunk)
        beyond = place >= held
        if held > self.chunk // 2:
            place = torch.where(beyond, 2 * (held - 1) - place, place)
            beyond = torch.zeros_like(beyond)
        place = place + read_start
        place = torch.where(place < 0, -place, place)
        place = torch.where(place >= length, 2 * (length - 1) - place, place)
        return torch.where(beyond, -1, place)

    def _window(self, first: bool, last: bool) -> Tensor:
        fade = self.chunk // 10
        window = torch.ones(self.chunk)
        if self.num_overlap == 1:
            return window  # nothing to fade into; MSST leaves holes of silence between such chunks
        if not first:
            window[:fade] = torch.linspace(0, 1, fade)
        if first or not last:
            window[-fade:] *= torch.linspace(1, 0, fade)
        return window

    def settings(self) -> dict[str, object]:
        """Return chunk and overlap."""
        return {"tiling": "reflect", "chunk": self.chunk, "num_overlap": self.num_overlap}
