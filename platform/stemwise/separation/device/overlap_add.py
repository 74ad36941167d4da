"""Overlap-add on a device that computes beside the CPU.

Sums, means and the residual stay on the device, and each finished stretch comes back in one copy. While
a pass computes, the CPU cuts the chunks of the next one and hands on the stretch before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwise.audio.raw import Signal
from stemwise.core.errors import ModelError
from stemwise.models.tiling import Tile
from stemwise.separation.device.copies import Arriving, Copies
from stemwise.separation.overlap_add import (
    PLAIN,
    Forward,
    Sums,
    batches,
    check_finite,
    check_shape,
    mixture_of,
    read_tile,
    rescaled,
    with_residual,
)


def overlap_add_on_device(
    track: Signal,
    tiles: Iterator[Tile],
    forward: Forward,
    copies: Copies,
    batch_size: int = 1,
    scale: tuple[float, float] = PLAIN,
    residual: bool = False,
) -> Iterator[Tensor]:
    """Yield what `overlap_add` yields, each stretch while the pass after it computes.

    Args:
        track: `(channels, samples)`, may lie on disk; the mixture is its first two channels.
        tiles: in order of `start`, covering the track.
        forward: `(batch, channels, samples)` → `(batch, stems, channels, samples)` on the device.
        copies: to and from the device.
        batch_size: chunks of a pass.
        scale: mean and deviation taken off the input and put back on the output.
        residual: whether to add the mixture minus all stems as one more.

    Raises:
        ModelError: the model's output has another length than its input, or is not finite.
    """
    work = _OnDevice(track, copies, scale, residual)
    waiting = batches(tiles, batch_size)
    cut = _cut(track, next(waiting, None), copies, scale)
    leaving: _Stretch | None = None
    while cut is not None:
        if (begun := work.finish_before(cut.tiles[0].start)) is not None:
            leaving = begun
        chunks = cut.chunks()
        outputs = forward(chunks)
        check_shape(outputs, chunks)
        work.add(cut, outputs)
        cut = _cut(track, next(waiting, None), copies, scale)
        if leaving is not None:
            yield leaving.take()
            leaving = None
    last = work.finish_before(track.shape[1]) if work.reach == track.shape[1] else None
    if last is None:
        raise ModelError(
            f"The model's tiling does not cover the track of {track.shape[1]} samples."
        )
    yield last.take()


@dataclass(frozen=True)
class _Cut:
    """Tiles of a pass, on their way to the device."""

    tiles: list[Tile]
    chunks: Arriving
    weights: list[Arriving]


def _cut(
    track: Signal, tiles: list[Tile] | None, copies: Copies, scale: tuple[float, float]
) -> _Cut | None:
    if tiles is None:
        return None
    chunks = torch.stack([read_tile(track, tile, scale) for tile in tiles])
    return _Cut(tiles, copies.bring(chunks), [copies.bring(tile.weight) for tile in tiles])


@dataclass(frozen=True)
class _Stretch:
    """A finished stretch and its sum, on their way back."""

    samples: Arriving
    total: Arriving

    def take(self) -> Tensor:
        samples = self.samples()
        check_finite(samples, self.total())
        return samples


class _OnDevice:
    """What lies on the device of one track: the sums that are not finished."""

    def __init__(
        self, track: Signal, copies: Copies, scale: tuple[float, float], residual: bool
    ) -> None:
        self._track, self._copies, self._scale, self._residual = track, copies, scale, residual
        self._sums: Sums | None = None
        self._done = 0

    @property
    def reach(self) -> int:
        """Samples that passes have reached so far."""
        return self._done + (0 if self._sums is None else self._sums.length)

    def finish_before(self, stop: int) -> _Stretch | None:
        """Begin to fetch all samples before `stop`; None where there are no new ones (ModelError)."""
        count = stop - self._done
        if stop > self.reach:
            raise ModelError(f"The model's tiling leaves out the samples before {stop}.")
        if self._sums is None or count <= 0:
            return None
        means = rescaled(self._sums.take(count), self._scale)
        if self._residual:
            heard = self._copies.bring(mixture_of(self._track, self._done, count))()
            means = with_residual(means, heard)
        self._done += count
        return _Stretch(self._copies.fetch(means), self._copies.fetch(means.sum()))

    def add(self, cut: _Cut, outputs: Tensor) -> None:
        """Add the kept parts of a pass."""
        self._sums = self._sums or Sums(outputs.shape[1:-1], self._copies.device)
        self._sums.grow(max(tile.stop for tile in cut.tiles) - self._done)
        for tile, output, weight in zip(cut.tiles, outputs, cut.weights, strict=True):
            kept = output[..., tile.kept]
            self._sums.add(kept, weight(), tile.start - self._done)
