"""Mel-Band RoFormer (Wang, Lu & Won 2023), with the network of the package pymss-core.

The public checkpoints were trained with two hidden layers in the mask estimators and without zeroing
the lowest bin. Both are other defaults in pymss-core and change keys or output, so the YAMLs set them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from stemwise.errors import ConfigError, require
from stemwise.models.msst import MsstModel
from stemwise.models.reflect_tiling import ReflectTiling


class MelBandRoformerModel(MsstModel):
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

    def __init__(
        self,
        checkpoint: Path,
        stems: Sequence[str],
        network: dict[str, Any],
        chunk: int = 352_800,
        num_overlap: int = 2,
        zscore: bool = False,
    ) -> None:
        hop = int(network.get("stft_hop_length", 512))
        if chunk % hop and not network.get("match_input_audio_length"):
            raise ConfigError(f"chunk {chunk} is no multiple of the STFT's hop of {hop} samples.")
        tiling = ReflectTiling(chunk, num_overlap)
        super().__init__(self.untrained(stems, network), checkpoint, stems, tiling, zscore)

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core.modules.bs_roformer import MelBandRoformer
        except ImportError as error:
            raise require("pymss-core", "zoo", "Mel-Band RoFormer") from error
        made: nn.Module = MelBandRoformer(num_stems=len(stems), **network)
        return made
