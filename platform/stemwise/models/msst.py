"""What networks trained with MSST share: strict state dicts, its tiling, optional standardisation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stemwise.models.base import Normalisation
from stemwise.models.checkpoints.state_dict import load_state
from stemwise.models.fast.layout import Pass
from stemwise.models.fast_tiling import FastTiling
from stemwise.models.overlap import FAST, REFERENCE, Overlap
from stemwise.models.reflect_tiling import ReflectTiling
from stemwise.models.tiling import CountedTiling, Tiling


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
        self._pass: Pass = self.fast(self.network)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        out: Tensor = self._pass(chunks)
        # a network of one stem may leave the stem axis out
        return out if out.ndim == 4 else out[:, None]

    def to(self, device: torch.device) -> None:
        """Move the network."""
        self.network.to(device)
        self._pass = self.fast(self.network)

    @staticmethod
    def fast(network: nn.Module) -> Pass:
        """Return what runs a loaded network: the network itself, or a pass of our own that equals it."""
        return network


class ReflectedModel(MsstModel, ABC):
    """A network that is built from its arguments and cut by MSST's reflecting tiling.

    A family says how its network is built (`untrained`) and what chunks it takes (`check`).

    Args:
        checkpoint: a state dict, flat or nested.
        stems: in the order of the network's output.
        network: arguments of the network.
        chunk: samples per chunk.
        num_overlap: how many chunks cover a sample.
        zscore: whether the track is standardised.
        tiling: MSST's, or the least redundant one.

    Raises:
        ConfigError: arguments that the network does not take.
        MissingDependencyError: the package with the network is not installed.
    """

    def __init__(
        self,
        checkpoint: Path,
        stems: Sequence[str],
        network: dict[str, Any],
        chunk: int,
        num_overlap: int = 2,
        zscore: bool = False,
        tiling: Overlap = REFERENCE,
    ) -> None:
        self.check(network, chunk)
        made = reflected(chunk, num_overlap, tiling)
        super().__init__(self.untrained(stems, network), checkpoint, stems, made, zscore)

    @staticmethod
    @abstractmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights."""

    @staticmethod
    def check(network: Mapping[str, Any], chunk: int) -> None:
        """Raise ConfigError for a chunk that the network cannot take; most take any."""


def reflected(chunk: int, num_overlap: int, overlap: Overlap = REFERENCE) -> CountedTiling:
    """Return MSST's tiling, or the least redundant one of such chunks; one without overlap stays.

    Raises:
        ConfigError: a chunk or overlap that cannot cover a track.
    """
    reference = ReflectTiling(chunk, num_overlap)
    return FastTiling(chunk) if overlap == FAST and num_overlap > 1 else reference
