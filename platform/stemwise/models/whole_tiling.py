"""The tiling of models that cut a track themselves: the whole track at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from stemwise.models.tiling import Tile


@dataclass(frozen=True)
class WholeTiling:
    """One tile per track, so the estimates are in memory as a whole."""

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield the track."""
        yield Tile(0, length, 0, length, torch.ones(length))

    def settings(self) -> dict[str, object]:
        """Return that it is this tiling."""
        return {"tiling": "whole"}
