"""The least redundant tiling: as few chunks as cover a track with an overlap of a quarter.

The last chunk ends with the track, so that each holds nothing but the track: none is padded, except
where the whole track is shorter than a chunk. Neighbours fade into each other linearly over all they
share. Of the ways that were measured (docs/performance.md) this lost least: a raised cosine and a short
fade average two chunks over less of what they share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwise.core.errors import ConfigError
from stemwise.models.tiling import Tile


@dataclass(frozen=True)
class FastTiling:
    """Chunks of `chunk` samples that overlap by at least a quarter of one.

    A model hears at most 4/3 + (2/3)·chunk/length times a track that is longer than a chunk.

    Args:
        chunk: samples that the model hears at once.
        reflect: whether a track of more than half a chunk is extended by reflection to one, as MSST
            does; otherwise, and where it is shorter, by zeros.

    Raises:
        ConfigError: a chunk that cannot overlap.
    """

    chunk: int
    reflect: bool = True

    def __post_init__(self) -> None:
        if self.chunk < 4:
            raise ConfigError(f"A chunk of {self.chunk} samples cannot overlap: give 4 or more.")

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield the chunks in order of time."""
        if length <= self.chunk:
            yield Tile(0, self.chunk, 0, length, torch.ones(length), self._sources(length))
            return
        step = self.chunk - self.chunk // 4
        starts = [*range(0, length - self.chunk, step), length - self.chunk]
        for before, start, after in zip([None, *starts], starts, [*starts[1:], None], strict=False):
            weight = torch.ones(self.chunk)
            if before is not None:
                rise = self._fade(before + self.chunk - start)
                weight[: len(rise)] *= rise
            if after is not None:
                fall = self._fade(start + self.chunk - after).flip(0)
                weight[-len(fall) :] *= fall
            yield Tile(start, start + self.chunk, start, start + self.chunk, weight)

    def heard(self, length: int) -> int:
        """Return the samples that the model hears of a track."""
        return self.chunk * self._count(length)

    def _count(self, length: int) -> int:
        overlap = self.chunk // 4
        return max(1, math.ceil((length - overlap) / (self.chunk - overlap)))

    def _fade(self, shared: int) -> Tensor:
        """Return a rise over what two chunks share, at most half of one, above 0 throughout.

        It and its mirror image add up to 1.
        """
        length = min(shared, self.chunk // 2)
        return (torch.arange(length) + 0.5) / length

    def _sources(self, length: int) -> Tensor | None:
        """Return for each sample of the only chunk its place in the track; None: zeros at its end."""
        if not self.reflect or length <= self.chunk // 2:
            return None
        place = torch.arange(self.chunk)
        return torch.where(place < length, place, 2 * (length - 1) - place)

    def settings(self) -> dict[str, object]:
        """Return the chunk, and how a short track is extended."""
        return {"tiling": "fast", "chunk": self.chunk, "reflect": self.reflect}
