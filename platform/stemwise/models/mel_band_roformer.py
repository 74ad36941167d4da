"""Mel-Band RoFormer (Wang, Lu & Won 2023), with the network of the package pymss-core.

The public checkpoints were trained with two hidden layers in the mask estimators and without zeroing
the lowest bin. Both are other defaults in pymss-core and change keys or output, so the YAMLs set them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from stemwise.core.errors import ConfigError, require
from stemwise.models.fast.layout import Pass
from stemwise.models.fast.roformer import roformer_pass
from stemwise.models.msst import ReflectedModel


class MelBandRoformerModel(ReflectedModel):
    """One or several stems by complex masks on overlapping mel bands.

    Raises:
        ConfigError: a chunk that is not a multiple of the hop.
    """

    @staticmethod
    def check(network: Mapping[str, Any], chunk: int) -> None:
        """Refuse a chunk that the network cannot take (ConfigError)."""
        hop = int(network.get("stft_hop_length", 512))
        if chunk % hop and not network.get("match_input_audio_length"):
            raise ConfigError(
                f"chunk {chunk} is not a multiple of the STFT's hop of {hop} samples."
            )

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core.modules.bs_roformer import MelBandRoformer
        except ImportError as error:
            raise require("pymss-core", "zoo", "Mel-Band RoFormer") from error
        made: nn.Module = MelBandRoformer(num_stems=len(stems), **network)
        return made

    @staticmethod
    def fast(network: nn.Module) -> Pass:
        """Return a pass of our own, a few sequences at a time on a CPU."""
        return roformer_pass(network)
