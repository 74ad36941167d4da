"""A model that does what a test tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch

from stemwise.models.base import WeightlessModel
from stemwise.models.tiling import CenteredTiling, Tiling


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Small tensors gain nothing from threads, which spin where other work shares the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
