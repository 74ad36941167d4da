"""Apollo (Li & Luo 2024), with the network of the package pymss-core.

It restores what lossy compression took from music, so its one stem is the mixture as it was; MSST runs
it like a separator, and so does stemwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from stemwise.core.errors import ConfigError, require
from stemwise.models.msst import ReflectedModel


class ApolloModel(ReflectedModel):
    """The restored mixture, each channel by itself."""

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (MissingDependencyError without pymss-core)."""
        try:
            from pymss_core.modules.look2hear import Apollo
        except ImportError as error:
            raise require("pymss-core", "zoo", "Apollo") from error
        if len(stems) != 1:
            raise ConfigError(f"Apollo makes one stem, but its entry names {len(stems)}.")
        made: nn.Module = Apollo(**network)
        return made
