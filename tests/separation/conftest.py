"""A model that does what a test tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch

from stemwise.models.base import WeightlessModel
from stemwise.models.tiling import CenteredTiling, Tiling
from stemwise.separation.device.copies import PlainCopies
from stemwise.separation.device.gpu import Gpu


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


def no_graph(forward, chunks):
    raise RuntimeError("there are none here")


@pytest.fixture
def gpu():
    """Return a maker of devices beside the CPU that are the CPU itself.

    `milliseconds` are what passes are said to take, one after another; `free` bytes, of which a pass of
    one chunk takes 100.
    """

    def make(*milliseconds, free=10_000, capture=no_graph, precisions=("fp32", "bf16")):
        told = iter(milliseconds)

        def timed(work):
            return work(), next(told)

        def taken(work):
            work()
            return 100

        copies = PlainCopies(torch.device("cpu"))
        return Gpu("A GPU", precisions, copies, timed, capture, lambda: free, taken)

    return make
