"""Weighted overlap-add of a model's chunks, finished sample by finished sample.

Only the chunks in flight and the unfinished tail of the estimates are in memory, so an hour of audio
costs no more than a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby, islice

import numpy as np
import torch
from torch import Tensor

from stemwise.audio.raw import Signal
from stemwise.core.errors import ModelError
from stemwise.models.tiling import Tile

Forward = Callable[[Tensor], Tensor]


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
    return samples if scale == (0.0, 1.0) else (samples - mean) / deviation


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
    scale: tuple[float, float] = (0.0, 1.0),
) -> Iterator[Tensor]:
    """Yield consecutive stretches of the estimates, `(stems, channels, n)` float32 on the CPU.

    Args:
        track: `(channels, samples)`, may lie on disk.
        tiles: in order of `start`, covering the track.
        forward: `(batch, channels, samples)` → `(batch, stems, channels, samples)` on `device`.
        scale: mean and deviation taken off the input and put back on the output.

    Raises:
        ModelError: the model's output has another length than its input, or is not finite.
    """
    length = track.shape[1]
    mean, deviation = scale
    done = 0
    total: Tensor | None = None
    weights = torch.zeros(0)
    for batch in batches(tiles, batch_size):
        finished = batch[0].start - done
        if finished > (0 if total is None else total.shape[-1]):
            raise ModelError(f"The model's tiling leaves out the samples before {batch[0].start}.")
        if total is not None and finished > 0:
            yield _finish(total[..., :finished], weights[:finished], mean, deviation)
            total, weights = total[..., finished:], weights[finished:]
            done += finished
        chunks = torch.stack([read_tile(track, tile, scale) for tile in batch]).to(device)
        outputs = forward(chunks)
        if outputs.ndim != 4 or len(outputs) != len(batch):
            raise ModelError(
                f"The model returned {tuple(outputs.shape)} for {tuple(chunks.shape)}, which is not "
                "(batch, stems, channels, samples)."
            )
        if outputs.shape[-1] != chunks.shape[-1]:
            raise ModelError(
                f"The model returned {outputs.shape[-1]} samples for {chunks.shape[-1]}."
            )
        reach = max(tile.stop for tile in batch) - done
        if total is None:
            total = torch.zeros(*outputs.shape[1:-1], 0)
        grow = max(0, reach - total.shape[-1])
        total = torch.nn.functional.pad(total, (0, grow))
        weights = torch.nn.functional.pad(weights, (0, grow))
        for tile, output in zip(batch, outputs, strict=True):
            kept = output[..., tile.start - tile.read_start : tile.stop - tile.read_start]
            here = slice(tile.start - done, tile.stop - done)
            total[..., here] += (kept * tile.weight.to(device)).to("cpu", torch.float32)
            weights[here] += tile.weight
    if total is None or done + total.shape[-1] != length:
        raise ModelError(f"The model's tiling does not cover the track of {length} samples.")
    yield _finish(total, weights, mean, deviation)


def _finish(total: Tensor, weights: Tensor, mean: float, deviation: float) -> Tensor:
    out = total / weights
    if (mean, deviation) != (0.0, 1.0):
        out = out * deviation + mean
    if not bool(torch.isfinite(out).all()):
        raise ModelError("The model's output holds NaN or infinite samples.")
    return out
