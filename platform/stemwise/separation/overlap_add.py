"""Weighted overlap-add of a model's chunks, finished sample by finished sample.

Only the chunks in flight and the unfinished tail of the estimates are in memory, so an hour of audio
costs no more than a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice

import numpy as np
import torch
from torch import Tensor

from stemwise.audio.raw import Signal
from stemwise.core.errors import ModelError
from stemwise.core.types import CHANNELS
from stemwise.models.tiling import Tile

Forward = Callable[[Tensor], Tensor]
_STEP = 1 << 13
PLAIN = (0.0, 1.0)  # mean and deviation of what is not normalised


def read_tile(track: Signal, tile: Tile, scale: tuple[float, float]) -> Tensor:
    """Return `(channels, tile length)`: normalised samples, zeros (or reflections) beyond the ends."""
    out = torch.zeros(track.shape[0], tile.read_stop - tile.read_start)
    if tile.sources is not None:
        heard = tile.sources >= 0
        places = tile.sources[heard]
        first = int(places.min())
        samples = _normalised(track, first, int(places.max()) + 1, scale)
        out[:, heard] = samples[:, places - first]
        return out
    start, stop = max(tile.read_start, 0), min(tile.read_stop, track.shape[1])
    if start < stop:
        samples = _normalised(track, start, stop, scale)
        out[:, start - tile.read_start : stop - tile.read_start] = samples
    return out


def _normalised(track: Signal, start: int, stop: int, scale: tuple[float, float]) -> Tensor:
    samples = torch.from_numpy(np.array(track[:, start:stop], dtype=np.float32))
    mean, deviation = scale
    return samples if scale == PLAIN else (samples - mean) / deviation


def batches(tiles: Iterator[Tile], size: int) -> Iterator[list[Tile]]:
    """Group up to `size` consecutive tiles of equal length."""
    for _, run in groupby(tiles, key=lambda tile: tile.read_stop - tile.read_start):
        while batch := list(islice(run, size)):
            yield batch


def overlap_add(
    track: Signal,
    tiles: Iterator[Tile],
    forward: Forward,
    device: torch.device,
    batch_size: int = 1,
    scale: tuple[float, float] = PLAIN,
    residual: bool = False,
) -> Iterator[Tensor]:
    """Yield consecutive stretches of the estimates, `(stems, channels, n)` float32 on the CPU.

    Args:
        track: `(channels, samples)`, may lie on disk.
        tiles: in order of `start`, covering the track.
        forward: `(batch, channels, samples)` → `(batch, stems, channels, samples)` on `device`.
        scale: mean and deviation taken off the input and put back on the output.
        residual: whether to add one more stem, the mixture (the first two channels) minus the others.

    Raises:
        ModelError: the model's output has another length than its input, or is not finite.
    """
    length, done = track.shape[1], 0
    sums: Sums | None = None
    for batch in batches(tiles, batch_size):
        finished = batch[0].start - done
        if finished > (0 if sums is None else sums.length):
            raise ModelError(f"The model's tiling leaves out the samples before {batch[0].start}.")
        if sums is not None and finished > 0:
            heard = mixture_of(track, done, finished) if residual else None
            yield _finish(sums.take(finished), scale, heard)
            done += finished
        chunks = torch.stack([read_tile(track, tile, scale) for tile in batch]).to(device)
        outputs = forward(chunks)
        check_shape(outputs, chunks)
        sums = sums or Sums(outputs.shape[1:-1])
        sums.grow(max(tile.stop for tile in batch) - done)
        for tile, output in zip(batch, outputs, strict=True):
            kept = output[..., tile.kept]
            sums.add(kept, tile.weight, tile.start - done)
    if sums is None or done + sums.length != length:
        raise ModelError(f"The model's tiling does not cover the track of {length} samples.")
    rest = mixture_of(track, done, sums.length) if residual else None
    yield _finish(sums.take(sums.length), scale, rest)


def check_shape(outputs: Tensor, chunks: Tensor) -> None:
    """Refuse what is not the estimates of `chunks` (ModelError)."""
    if outputs.ndim != 4 or len(outputs) != len(chunks):
        raise ModelError(
            f"The model returned {tuple(outputs.shape)} for {tuple(chunks.shape)}, which is not "
            "(batch, stems, channels, samples)."
        )
    if outputs.shape[-1] != chunks.shape[-1]:
        raise ModelError(f"The model returned {outputs.shape[-1]} samples for {chunks.shape[-1]}.")


class Sums:
    """Weighted sums of the unfinished samples and of their weights, in memory that is used again.

    Args:
        shape: stems and channels.
        device: where the sums are.
    """

    def __init__(self, shape: Sequence[int], device: torch.device | None = None) -> None:
        self.length = 0
        self._total = torch.zeros(*shape, 0, device=device)
        self._weights = torch.zeros(0, device=device)

    def take(self, count: int) -> Tensor:
        """Return the means of the first `count` samples, `(stems, channels, count)`; drop them."""
        means = self._total[..., :count] / self._weights[:count]
        rest = self.length - count
        for buffer in (self._total, self._weights):
            left = buffer[..., count : self.length]
            buffer[..., :rest] = left if rest <= count else left.clone()
        self.length = rest
        return means

    def grow(self, length: int) -> None:
        """Let there be at least `length` samples, the new ones 0."""
        for name, buffer in (("_total", self._total), ("_weights", self._weights)):
            if length > buffer.shape[-1]:
                larger = buffer.new_empty(*buffer.shape[:-1], length)
                larger[..., : self.length] = buffer[..., : self.length]
                setattr(self, name, larger)
            getattr(self, name)[..., self.length : length] = 0
        self.length = max(self.length, length)

    def add(self, kept: Tensor, weight: Tensor, start: int) -> None:
        """Add `(stems, channels, n)`·weight from sample `start` on, wherever `kept` lies."""
        # on a CPU in steps, whose products stay in its cache
        step = _STEP if kept.device.type == "cpu" else max(1, kept.shape[-1])
        for first in range(0, kept.shape[-1], step):
            part = kept[..., first : first + step]
            stop = first + part.shape[-1]
            product = part * weight[first:stop].to(kept.device)
            product = product.to(self._total.device, torch.float32)
            self._total[..., start + first : start + stop] += product
        self._weights[start : start + kept.shape[-1]] += weight


def _finish(out: Tensor, scale: tuple[float, float], heard: Tensor | None) -> Tensor:
    out = rescaled(out, scale)
    check_finite(out, out.sum())
    return out if heard is None else with_residual(out, heard)


def mixture_of(track: Signal, start: int, count: int) -> Tensor:
    """Return a stretch of the mixture, `(2, count)`."""
    return torch.from_numpy(np.array(track[:CHANNELS, start : start + count], dtype=np.float32))


def with_residual(means: Tensor, heard: Tensor) -> Tensor:
    """Add to stems `(stems, 2, n)` what they leave of the mixture `(2, n)`, as one more (ModelError)."""
    if means.shape[1] != CHANNELS:
        raise ModelError(f"The model returned {means.shape[1]} channels instead of {CHANNELS}.")
    return torch.cat([means, (heard - means.sum(dim=0))[None]])


def rescaled(out: Tensor, scale: tuple[float, float]) -> Tensor:
    """Put mean and deviation back on `out`, in place."""
    mean, deviation = scale
    return out if scale == PLAIN else out.mul_(deviation).add_(mean)


def check_finite(out: Tensor, total: Tensor) -> None:
    """Refuse NaN and infinite samples (ModelError); `total` is their sum."""
    # one look at the sum is cheaper than one at each sample; it may overflow where no sample does
    if not bool(torch.isfinite(total)) and not bool(torch.isfinite(out).all()):
        raise ModelError("The model's output holds NaN or infinite samples.")
