"""Shared part of waveform networks whose output is the middle of their input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from stemwise.core.types import SAMPLE_RATE
from stemwise.models.base import Normalisation
from stemwise.models.checkpoints.state_dict import load_state
from stemwise.models.context_tiling import ContextTiling


class ContextModel:
    """A network with `input_size` and `output_size`, cut so that its outputs lie side by side.

    Args:
        network: maps `(batch, 2, input_size)` to `(batch, stems, 2, output_size)`.
        checkpoint: its state dict, flat or nested.
        stems: in the order of its output.

    Raises:
        CheckpointError: a file of another network.
    """

    sample_rate = SAMPLE_RATE
    normalisation: Normalisation = "none"
    uses_references = False

    def __init__(self, network: Any, checkpoint: Path, stems: Sequence[str]) -> None:
        self.network, self.stems = network.eval(), tuple(stems)
        load_state(self.network, checkpoint)
        self._context = (network.input_size - network.output_size) // 2
        self.tiling = ContextTiling(network.output_size, self._context)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`, silent but in the middle."""
        out: Tensor = functional.pad(self.network(chunks), (self._context, self._context))
        return out

    def to(self, device: torch.device) -> None:
        """Move the network."""
        self.network.to(device)
