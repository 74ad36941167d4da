"""A model that does what a test tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from stemwise.models.base import WeightlessModel
from stemwise.models.tiling import CenteredTiling, Tiling


@dataclass
class FakeModel(WeightlessModel):
    """`function` maps `(batch, channels, samples)` to `(batch, stems, channels, samples)`."""

    function: object
    stems: tuple[str, ...] = ("a", "b")
    tiling: Tiling = field(default_factory=lambda: CenteredTiling(1000))
    normalisation: str = "none"
    uses_references: bool = False

    def forward(self, chunks):
        return self.function(chunks)


@pytest.fixture
def fake():
    return FakeModel
