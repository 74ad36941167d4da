"""Mel-Band RoFormer (Wang, Lu & Won 2023), with the network of the package pymss-core.

The public checkpoints were trained with two hidden layers in the mask estimators and without zeroing
the lowest bin. Both are other defaults in pymss-core and change keys or output, so the YAMLs set them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stemwise.errors import ConfigError, require
from stemwise.models.base import Normalisation
from stemwise.models.reflect_tiling import ReflectTiling
from stemwise.models.state_dict import load_state


class MelBandRoformerModel:
    """One or several stems by complex masks on overlapping mel bands.

    Args:
        checkpoint: a state dict, flat or nested.
        stems: in the order of the network's output.
        network: arguments of the network (dim, depth, stft_hop_length, …).
        chunk: samples per chunk, a multiple of the STFT's hop, since the network's output is.
        num_overlap: how many chunks cover a sample.
        zscore: whether the track is standardised.

    Raises:
        ConfigError: a chunk that is no multiple of the hop.
    """

    sample_rate = 44_100
    uses_references = False

    def __init__(
        self,
        checkpoint: Path,
        stems: Sequence[str],
        network: dict[str, Any],
        chunk: int = 352_800,
        num_overlap: int = 2,
        zscore: bool = False,
    ) -> None:
        try:
            from pymss_core.modules.bs_roformer import MelBandRoformer
        except ImportError as error:
            raise require("pymss-core", "zoo", "Mel-Band RoFormer") from error
        hop = int(network.get("stft_hop_length", 512))
        if chunk % hop:
            raise ConfigError(f"chunk {chunk} is no multiple of the STFT's hop of {hop} samples.")
        self.stems = tuple(stems)
        self.normalisation: Normalisation = "zscore" if zscore else "none"
        self.tiling = ReflectTiling(chunk, num_overlap)
        self.network = MelBandRoformer(num_stems=len(stems), **network).eval()
        load_state(self.network, checkpoint)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        out: Tensor = self.network(chunks)
        # a network of one stem leaves the stem axis out
        return out if out.ndim == 4 else out[:, None]

    def to(self, device: torch.device) -> None:
        """Move the network."""
        self.network.to(device)
