"""How Demucs networks that read different stretches for the same chunk share one tiling.

An HTDemucs reads its training segment whatever the chunk, an HDemucs the chunk, and a Demucs v3 the
next length that its strides divide; demucs centres each on the chunk. Where members of a bag differ,
a tile has a margin on both sides that is wide enough for all, and each member reads its part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from stemwise.core.errors import ConfigError
from stemwise.models.demucs import is_transformed


@dataclass(frozen=True)
class Reading:
    """What one network reads: `valid_length` maps a chunk's samples to it, at most `margin` a side more.

    Two readings are equal where the networks read the same for every chunk.
    """

    chunk: int
    kind: tuple[object, ...]
    margin: int

    @classmethod
    def of(cls, network: Any, segment_s: float | None) -> Reading:
        """Return what `network` reads, after giving it the segment of its bag as demucs does."""
        if segment_s is not None and not (is_transformed(network) and segment_s > network.segment):
            network.segment = segment_s
        chunk = int(network.samplerate * network.segment)
        if not hasattr(network, "valid_length"):
            return cls(chunk, ("as it is",), 0)
        if is_transformed(network):
            fixed = bool(network.use_train_segment)
            return cls(chunk, ("one length", fixed), chunk if fixed else 0)
        strides = (network.depth, network.kernel_size, network.stride, bool(network.resample))
        widest = max(network.valid_length(1), network.stride**network.depth)
        return cls(chunk, strides, widest)


class SharedCut:
    """The chunk and the reading of all members, and each member's part of what was read.

    Raises:
        ConfigError: chunks of different lengths.
    """

    def __init__(
        self, networks: Sequence[Any], paths: Sequence[Path], segment_s: float | None
    ) -> None:
        readings = [Reading.of(network, segment_s) for network in networks]
        for path, other in zip(paths, readings, strict=True):
            if other.chunk != readings[0].chunk:
                rate = networks[0].samplerate
                raise ConfigError(
                    f"{paths[0]} takes chunks of {readings[0].chunk / rate:g} s and {path} of "
                    f"{other.chunk / rate:g} s: give segment_s, a length that suits all members."
                )
        self.chunk = readings[0].chunk
        self._valid: list[Callable[[int], int]] = [
            getattr(network, "valid_length", int) for network in networks
        ]
        self._margin = None if len(set(readings)) == 1 else max(one.margin for one in readings)

    def valid_length(self, size: int) -> int:
        """Return the samples that are read for a chunk of `size`."""
        return self._valid[0](size) if self._margin is None else size + 2 * self._margin

    def part(self, member: int, read: int) -> tuple[slice, slice, slice]:
        """Return which of `read` samples a member hears, which of its output count, and where to."""
        if self._margin is None:
            return slice(None), slice(None), slice(None)
        size = read - 2 * self._margin
        valid = self._valid[member](size)
        before = (valid - size) // 2
        start = self._margin - before
        here = slice(self._margin, self._margin + size)
        return slice(start, start + valid), slice(before, before + size), here


def heard(chunks: Tensor, part: slice) -> Tensor:
    """Return a stretch of `(batch, channels, samples)`, in memory of its own where it is a part."""
    return chunks if part == slice(None) else chunks[..., part].contiguous()
