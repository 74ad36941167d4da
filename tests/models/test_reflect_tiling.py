"""MSST's tiling against a plain implementation of its inference, chunk by chunk."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from stemwise.core.errors import ConfigError
from stemwise.models.reflect_tiling import ReflectTiling
from stemwise.separation.overlap_add import overlap_add

from .reference_inference import msst_demix

CPU = torch.device("cpu")


def odd_model(chunks: torch.Tensor) -> torch.Tensor:
    """Depend on the place in the chunk and on neighbours, as networks do: two "stems"."""
    ramp = torch.linspace(0.5, 1.5, chunks.shape[-1])
    smooth = functional.avg_pool1d(functional.pad(chunks, (2, 2)), 5, stride=1)
    return torch.stack([chunks * ramp, smooth.flip(-1)], dim=1)


@pytest.mark.parametrize("num_overlap", [2, 3, 4])
@pytest.mark.parametrize("length", [37, 199, 200, 201, 450, 997, 1000, 2311])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_it_equals_plain_inference(num_overlap, length, batch_size):
    mix = torch.randn(2, length, generator=torch.Generator().manual_seed(length))
    expected = msst_demix(odd_model, mix, 200, num_overlap)
    tiles = ReflectTiling(200, num_overlap).tiles(length)
    found = torch.cat(list(overlap_add(mix.numpy(), tiles, odd_model, CPU, batch_size)), dim=-1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@given(length=st.integers(1, 5000), num_overlap=st.integers(1, 6))
def test_every_sample_has_weight(length, num_overlap):
    total = np.zeros(length)
    last = 0
    for tile in ReflectTiling(120, num_overlap).tiles(length):
        assert 0 <= tile.start < tile.stop <= length
        assert tile.start >= last
        assert tile.sources is not None
        assert len(tile.sources) == 120
        assert int(tile.sources.max()) < length
        last = tile.start
        total[tile.start : tile.stop] += tile.weight.numpy()
    assert (total > 0).all()


@pytest.mark.parametrize(("chunk", "num_overlap"), [(100, 0), (5, 1), (10, 11)])
def test_what_cannot_cover_a_track_is_refused(chunk, num_overlap):
    with pytest.raises(ConfigError, match="cover"):
        ReflectTiling(chunk, num_overlap)
