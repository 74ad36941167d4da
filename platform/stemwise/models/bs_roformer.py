"""BS-RoFormer (Lu, Wang, Kong & Hung 2023), with the network of the package pymss-core.

Its transformers work along time and along bands of a fixed partition of the spectrum; public
checkpoints come from the training code MSST.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from stemwise.core.errors import require
from stemwise.models.fast.layout import Pass
from stemwise.models.fast.roformer import roformer_pass
from stemwise.models.msst import ReflectedModel


class BsRoformerModel(ReflectedModel):
    """One or several stems by complex masks on bands that do not overlap."""

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core.modules.bs_roformer import BSRoformer
        except ImportError as error:
            raise require("pymss-core", "zoo", "BS-RoFormer") from error
        made: nn.Module = BSRoformer(num_stems=len(stems), **network)
        return made

    @staticmethod
    def fast(network: nn.Module) -> Pass:
        """Return a pass of our own, a few sequences at a time on a CPU."""
        return roformer_pass(network)
