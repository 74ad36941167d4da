"""A model that only takes time, for benchmarks of everything around models."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from stemwise.core.types import SAMPLE_RATE
from stemwise.models.base import WeightlessModel
from stemwise.models.tiling import CenteredTiling


class SleepingModel(WeightlessModel):
    """Sleeps as long as a GPU would compute, and returns an equal share of its input for every stem.

    Args:
        stems: names of its stems.
        speed: seconds of audio that a second of computing separates.
        chunk_s: seconds of audio that a pass gives.
    """

    def __init__(self, stems: Sequence[str], speed: float, chunk_s: float = 10.0) -> None:
        self.stems = tuple(stems)
        self.speed = speed
        self.tiling = CenteredTiling(round(chunk_s * SAMPLE_RATE))

    def forward(self, chunks: Tensor) -> Tensor:
        """Return `(batch, stems, channels, samples)`."""
        fresh = 0.75 * chunks.shape[-1]  # a quarter of a chunk overlaps the next one
        time.sleep(chunks.shape[0] * fresh / SAMPLE_RATE / self.speed)
        shares = torch.arange(1, len(self.stems) + 1, dtype=chunks.dtype) / len(self.stems) ** 2
        return chunks[:, None] * shares[None, :, None, None]
