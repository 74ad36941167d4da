"""The floor: every stem is estimated by the unprocessed mixture."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from stemwise.models.base import WeightlessModel
from stemwise.models.tiling import CenteredTiling


class MixtureModel(WeightlessModel):
    """Returns its input for each stem; a separator that scores below it does harm."""

    def __init__(self, stems: Sequence[str]) -> None:
        self.stems = tuple(stems)
        self.tiling = CenteredTiling(chunk=30 * self.sample_rate, overlap=0.0)

    def forward(self, chunks: Tensor) -> Tensor:
        """Repeat `(batch, channels, samples)` over the stem axis."""
        return chunks[:, None].expand(-1, len(self.stems), -1, -1)
