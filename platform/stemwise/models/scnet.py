"""SCNet (Tong et al. 2024), with the network of the package pymss-core.

pymss-core's class has the keys, shapes and output of the one that the published checkpoints were
evaluated with; SCNet's own repository later added a standardisation inside `forward` that these
checkpoints do not know. The package is young, so its version is pinned and its output is tested.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from stemwise.core.errors import require
from stemwise.models.fast.layout import Pass
from stemwise.models.fast.scnet import scnet_pass
from stemwise.models.msst import ReflectedModel


class ScnetModel(ReflectedModel):
    """SCNet or SCNet Large, by its hyper-parameters."""

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core.modules.scnet import SCNet
        except ImportError as error:
            raise require("pymss-core", "zoo", "SCNet") from error
        made: nn.Module = SCNet(sources=list(stems), **network)
        return made

    @staticmethod
    def fast(network: nn.Module) -> Pass:
        """Return a pass of our own, channels last."""
        return scnet_pass(network)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        with warnings.catch_warnings():
            # SCNet was trained with a rectangular window, which torch advises against
            warnings.filterwarnings("ignore", message="A window was not provided")
            return super().forward(chunks)
