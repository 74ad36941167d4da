"""What the separation engine asks of a model."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from stemwise.models.tiling import Tiling

Normalisation = Literal["none", "zscore"]


class Model(Protocol):
    """One separator: loaded weights, its stems, and how it wants a track cut.

    `normalisation` "zscore" subtracts the mean and divides by the standard deviation of the mono
    mixture of the whole track, undone on the estimates. A model that `uses_references` is an
    upper-bound reference line: the engine hands it the true stems below the mixture, in the
    channel axis, and its stems are those of the track.
    """

    stems: tuple[str, ...]
    sample_rate: int
    tiling: Tiling
    normalisation: Normalisation
    uses_references: bool

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, channels, samples)` into `(batch, stems, channels, samples)`."""
        ...

    def to(self, device: torch.device) -> None:
        """Move weights and buffers to `device`."""
        ...


class WeightlessModel:
    """Shared part of models without weights: nothing to move, nothing to normalise."""

    sample_rate = 44_100
    normalisation: Normalisation = "none"
    uses_references = False

    def to(self, device: torch.device) -> None:
        """Do nothing: there are no weights."""
