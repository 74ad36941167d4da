"""BS-RoFormer (Lu, Wang, Kong & Hung 2023), with the network of the package pymss-core.

Its transformers work along time and along bands of a fixed partition of the spectrum; public
checkpoints come from the training code MSST.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from stemwise.errors import require
from stemwise.models.msst import MsstModel
from stemwise.models.reflect_tiling import ReflectTiling


class BsRoformerModel(MsstModel):
    """One or several stems by complex masks on bands that do not overlap.

    Args:
        checkpoint: a state dict, flat or nested.
        stems: in the order of the network's output.
        network: arguments of the network (dim, depth, freqs_per_bands, stft_hop_length, …).
        chunk: samples per chunk; any number, since the network gives back as many as it gets.
        num_overlap: how many chunks cover a sample.
        zscore: whether the track is standardised.
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
        tiling = ReflectTiling(chunk, num_overlap)
        super().__init__(self.untrained(stems, network), checkpoint, stems, tiling, zscore)

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core.modules.bs_roformer import BSRoformer
        except ImportError as error:
            raise require("pymss-core", "zoo", "BS-RoFormer") from error
        made: nn.Module = BSRoformer(num_stems=len(stems), **network)
        return made
