"""What networks trained with MSST share: strict state dicts, its tiling, optional standardisation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from stemwise.models.base import Normalisation
from stemwise.models.state_dict import load_state
from stemwise.models.tiling import Tiling


class MsstModel:
    """A network with its weights, cut as MSST cuts.

    Args:
        network: maps `(batch, 2, samples)` to the stems.
        checkpoint: its state dict, flat or nested.
        stems: in the order of the network's output.
        tiling: chunk and overlap.
        zscore: whether the track is standardised.
    """

    sample_rate = 44_100
    uses_references = False

    def __init__(
        self,
        network: nn.Module,
        checkpoint: Path,
        stems: Sequence[str],
        tiling: Tiling,
        zscore: bool,
    ) -> None:
        self.stems = tuple(stems)
        self.normalisation: Normalisation = "zscore" if zscore else "none"
        self.tiling: Tiling = tiling
        self.network = network.eval()
        load_state(self.network, checkpoint)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        out: Tensor = self.network(chunks)
        # a network of one stem may leave the stem axis out
        return out if out.ndim == 4 else out[:, None]

    def to(self, device: torch.device) -> None:
        """Move the network."""
        self.network.to(device)
