"""SCNet (Tong et al. 2024), with the network of the package pymss-core.

pymss-core's class has the keys, shapes and output of the one that the published checkpoints were
evaluated with; SCNet's own repository later added a standardisation inside `forward` that these
checkpoints do not know. The package is young, so its version is pinned and its output is tested.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stemwise.errors import require
from stemwise.models.base import Normalisation
from stemwise.models.reflect_tiling import ReflectTiling
from stemwise.models.state_dict import load_state


class ScnetModel:
    """SCNet or SCNet Large, by its hyper-parameters.

    Args:
        checkpoint: a state dict, flat or nested.
        stems: in the order of the network's output.
        network: arguments of the network (dims, band_SR, …).
        chunk: samples per chunk.
        num_overlap: how many chunks cover a sample.
        zscore: whether the track is standardised.
    """

    sample_rate = 44_100
    uses_references = False

    def __init__(
        self,
        checkpoint: Path,
        stems: Sequence[str],
        network: dict[str, Any],
        chunk: int = 485_100,
        num_overlap: int = 4,
        zscore: bool = True,
    ) -> None:
        try:
            from pymss_core.modules.scnet import SCNet
        except ImportError as error:
            raise require("pymss-core", "zoo", "SCNet") from error
        self.stems = tuple(stems)
        self.normalisation: Normalisation = "zscore" if zscore else "none"
        self.tiling = ReflectTiling(chunk, num_overlap)
        self.network = SCNet(sources=list(stems), **network).eval()
        load_state(self.network, checkpoint)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        with warnings.catch_warnings():
            # SCNet was trained with a rectangular window, which torch advises against
            warnings.filterwarnings("ignore", message="A window was not provided")
            out: Tensor = self.network(chunks)
        return out

    def to(self, device: torch.device) -> None:
        """Move the network."""
        self.network.to(device)
