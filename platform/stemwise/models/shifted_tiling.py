"""The tilings of a delayed track, several of them interleaved: time shifts without a second signal.

A track that is delayed by s zeros and cut by a tiling has the same chunks as the track itself cut s
samples earlier. So the chunks of all delays are tiles of the one track, the engine adds them up in one
go, and memory does not grow with their number.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import cast

import torch

from stemwise.models.tiling import CountedTiling, Tile, Tiling


@dataclass(frozen=True)
class ShiftedTiling:
    """The chunks of a track at several delays, each delay with a total weight of 1 at every sample.

    The engine's Σ weight·output / Σ weight is then the mean of the estimates of the delays.

    Args:
        base: how a track is cut.
        shifts: delays in samples, 0 or more.
    """

    base: Tiling
    shifts: tuple[int, ...]

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield the chunks of all delays in order of time."""
        delays = (_to_one(_shifted(self.base, length, shift)) for shift in self.shifts)
        yield from heapq.merge(*delays, key=lambda tile: tile.start)

    def settings(self) -> dict[str, object]:
        """Return what the base says, and the delays."""
        return {**self.base.settings(), "shifts": list(self.shifts)}


@dataclass(frozen=True)
class CountedShiftedTiling(ShiftedTiling):
    """The same of a tiling that knows how much its model hears."""

    base: CountedTiling

    def heard(self, length: int) -> int:
        """Return the samples of all chunks."""
        return sum(
            self.base.heard(length + shift)
            - sum(tile.read_stop - tile.read_start for tile in _before(self.base, length, shift))
            for shift in self.shifts
        )


def shifted(base: Tiling, shifts: tuple[int, ...]) -> Tiling:
    """Return a tiling at several delays; the base itself where there is none but 0."""
    if shifts == (0,):
        return base
    if hasattr(base, "heard"):
        return CountedShiftedTiling(cast("CountedTiling", base), shifts)
    return ShiftedTiling(base, shifts)


def _before(base: Tiling, length: int, shift: int) -> Iterator[Tile]:
    """Yield the chunks that count on nothing but the zeros before a delayed track."""
    begun = takewhile(lambda tile: tile.start < shift, base.tiles(length + shift))
    return (tile for tile in begun if tile.stop <= shift)


def _shifted(base: Tiling, length: int, shift: int) -> Iterator[Tile]:
    """Yield the chunks of a delayed track as chunks of the track."""
    for tile in base.tiles(length + shift):
        if tile.stop <= shift:
            continue
        cut = max(shift - tile.start, 0)
        sources = tile.sources
        if sources is not None:
            sources = torch.where(sources < shift, -1, sources - shift)
        yield Tile(
            tile.read_start - shift,
            tile.read_stop - shift,
            tile.start + cut - shift,
            tile.stop - shift,
            tile.weight[cut:],
            sources,
        )


def _to_one(tiles: Iterator[Tile]) -> Iterator[Tile]:
    """Yield tiles with weights that add up to 1 at each sample.

    A tile can leave once one begins behind it: until then others may still overlap it.
    """
    waiting: deque[Tile] = deque()
    left: list[Tile] = []
    for tile in tiles:
        while waiting and tile.start >= waiting[0].stop:
            yield _scaled(waiting, left)
        waiting.append(tile)
    while waiting:
        yield _scaled(waiting, left)


def _scaled(waiting: deque[Tile], left: list[Tile]) -> Tile:
    """Take the first of those that wait, scaled; `left` are those before it that may overlap it."""
    tile = waiting.popleft()
    left[:] = [other for other in left if other.stop > tile.start]
    total = tile.weight.clone()
    for other in (*left, *waiting):
        start, stop = max(tile.start, other.start), min(tile.stop, other.stop)
        if start < stop:
            own = slice(start - tile.start, stop - tile.start)
            total[own] += other.weight[start - other.start : stop - other.start]
    left.append(replace(tile, sources=None))  # its weights are all that is needed of it
    return replace(tile, weight=tile.weight / total)
