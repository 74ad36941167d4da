"""Bandit (Watcharasupat et al. 2023) and Bandit v2, with the networks of the package pymss-core.

Band-split recurrent networks with bands on a musical scale, made for speech, music and effects of
films; MSST trains them for music too. They hear one channel at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from stemwise.core.errors import ConfigError, require
from stemwise.models.msst import ReflectedModel


class BanditModel(ReflectedModel):
    """One complex mask per stem, each channel by itself; `network` names the stems of its keys."""

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core.modules.bandit.core import MultiMaskMultiSourceBandSplitRNNSimple
        except ImportError as error:
            raise require("pymss-core", "zoo", "Bandit") from error
        _check(stems, network)
        made: nn.Module = MultiMaskMultiSourceBandSplitRNNSimple(**network)
        return made

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        batch, channels, samples = chunks.shape
        out: Tensor = self._pass(chunks.reshape(batch * channels, 1, samples))
        return out.reshape(batch, channels, -1, samples).transpose(1, 2)


class BanditV2Model(BanditModel):
    """The same idea with other keys, as its authors' second version has them."""

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core.modules.bandit_v2 import Bandit
        except ImportError as error:
            raise require("pymss-core", "zoo", "Bandit v2") from error
        _check(stems, network)
        made: nn.Module = Bandit(**network)
        return made


def _check(stems: Sequence[str], network: Mapping[str, Any]) -> None:
    own = network.get("stems") or ()
    if len(own) != len(stems):
        raise ConfigError(
            f"Bandit makes {len(own)} stems ({', '.join(own)}), but its entry names {len(stems)}: name "
            "as many, in this order."
        )
