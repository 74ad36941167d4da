"""Demucs networks trained with MSST: a state dict and a configuration instead of a Demucs package.

The networks are those of the package `demucs`: MSST's HTDemucs differs from it only for inputs that
are not one training segment long, and MSST pads every chunk to that. Its tiling for Demucs is
simpler than demucs' own: whole chunks, averaged without fades.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stemwise.core.errors import ConfigError
from stemwise.core.types import CHANNELS
from stemwise.models.demucs import DemucsModel
from stemwise.models.fast.hybrid_demucs import demucs_pass
from stemwise.models.fast.layout import Pass
from stemwise.models.fast_tiling import FastTiling
from stemwise.models.msst import MsstModel
from stemwise.models.overlap import FAST, REFERENCE, Overlap
from stemwise.models.tiling import Tile, Tiling


@dataclass(frozen=True)
class EvenTiling:
    """Chunks of equal weight, one every chunk/num_overlap samples, the last ones padded with zeros.

    Raises:
        ConfigError: a chunk or overlap that cannot cover a track.
    """

    chunk: int
    num_overlap: int

    def __post_init__(self) -> None:
        if not 1 <= self.num_overlap <= self.chunk:
            raise ConfigError(
                f"chunk {self.chunk} and num_overlap {self.num_overlap} do not cover a track: "
                "num_overlap starts at 1, and a chunk has at least as many samples."
            )

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield chunks from the start of the track until one starts beyond its end."""
        for start in self._starts(length):
            stop = min(start + self.chunk, length)
            yield Tile(start, start + self.chunk, start, stop, torch.ones(stop - start))

    def heard(self, length: int) -> int:
        """Return the samples that the model hears of a track."""
        return self.chunk * len(self._starts(length))

    def _starts(self, length: int) -> range:
        return range(0, length, self.chunk // self.num_overlap)

    def settings(self) -> dict[str, object]:
        """Return chunk and overlap."""
        return {"tiling": "even", "chunk": self.chunk, "num_overlap": self.num_overlap}


class MsstDemucsModel(MsstModel):
    """HTDemucs or HDemucs by MSST's configuration.

    Args:
        checkpoint: a state dict, flat or nested.
        stems: in the order of the network's output.
        network: `klass`, `segment` in seconds, and the class' other arguments.
        num_overlap: how many chunks, each one segment long, cover a sample.
        zscore: whether the track is standardised.
        tiling: MSST's, or the least redundant one.
    """

    def __init__(
        self,
        checkpoint: Path,
        stems: Sequence[str],
        network: dict[str, Any],
        num_overlap: int = 4,
        zscore: bool = False,
        tiling: Overlap = REFERENCE,
    ) -> None:
        arguments = {**network, "audio_channels": CHANNELS, "samplerate": self.sample_rate}
        chunk = int(network["segment"] * self.sample_rate)
        cut: Tiling = EvenTiling(chunk, num_overlap)
        if tiling == FAST and num_overlap > 1:
            cut = FastTiling(chunk, reflect=False)
        made = DemucsModel.untrained(stems, arguments)
        super().__init__(made, checkpoint, stems, cut, zscore)

    @staticmethod
    def fast(network: nn.Module) -> Pass:
        """Return a pass of our own, channels last."""
        return demucs_pass(network)
