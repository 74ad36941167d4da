"""MDX23C (the TFC-TDF U-Net v3 of KUIELab, Kim et al. 2023), with the network of pymss-core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from stemwise.core.errors import ConfigError, require
from stemwise.core.types import CHANNELS
from stemwise.models.msst import ReflectedModel

_STFT = ("n_fft", "hop_length", "dim_f")


class Mdx23cModel(ReflectedModel):
    """Stems as complex spectra, computed from the mixture's spectrum cut into sub-bands.

    Args:
        checkpoint: a state dict, flat or nested.
        stems: in the order of the network's output.
        network: `n_fft`, `hop_length`, `dim_f` (bins used) and the U-Net's arguments (num_scales, …).
        chunk: samples per chunk, a multiple of the hop, whose frames the U-Net can halve `num_scales`
            times.
        num_overlap: how many chunks cover a sample.
        zscore: whether the track is standardised.

    Raises:
        ConfigError: a chunk that the U-Net cannot take.
    """

    @staticmethod
    def check(network: Mapping[str, Any], chunk: int) -> None:
        """Refuse a chunk that the network cannot take (ConfigError)."""
        hop = int(network["hop_length"])
        multiple = int(network["scale"][0]) ** int(network["num_scales"])
        frames = chunk // hop + 1
        if chunk % hop or frames % multiple:
            fitting = max(1, round(frames / multiple)) * multiple
            raise ConfigError(
                f"A chunk of {chunk} samples does not fit MDX23C with hops of {hop} and "
                f"{network['num_scales']} scales: the next that does is {hop * (fitting - 1)}."
            )

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core import to_attrdict
            from pymss_core.modules.mdx23c_tfc_tdf_v3 import TFC_TDF_net
        except ImportError as error:
            raise require("pymss-core", "zoo", "MDX23C") from error
        # the network reads its arguments from MSST's configuration
        config = {
            "audio": {key: network[key] for key in _STFT} | {"num_channels": CHANNELS},
            "model": {key: value for key, value in network.items() if key not in _STFT},
            "training": {"instruments": list(stems), "target_instrument": None},
        }
        made: nn.Module = TFC_TDF_net(to_attrdict(config))
        return made
