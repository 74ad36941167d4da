"""Overlap-add against the plain sum over the whole track, bit for bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.errors import ModelError
from stemwise.models.tiling import CenteredTiling, Tile
from stemwise.separation import overlap_add as module
from stemwise.separation.overlap_add import overlap_add

from ..conftest import examples

CPU = torch.device("cpu")
PLAIN = (0.0, 1.0)


def forward(chunks):
    """Return two stems that depend on the place in the chunk."""
    ramp = torch.linspace(-1, 1, chunks.shape[-1])
    return torch.stack((chunks * 0.7, chunks * ramp), dim=1)


def whole(tiles, track, scale):
    """Return the estimates of the whole track, all in memory."""
    mean, deviation = scale
    samples = torch.from_numpy(track)
    samples = samples if scale == PLAIN else (samples - mean) / deviation
    total, weights = torch.zeros(2, *track.shape), torch.zeros(track.shape[1])
    for tile in tiles:
        chunk = torch.zeros(len(track), tile.read_stop - tile.read_start)
        start, stop = max(tile.read_start, 0), min(tile.read_stop, track.shape[1])
        chunk[:, start - tile.read_start : stop - tile.read_start] = samples[:, start:stop]
        kept = forward(chunk[None])[0][
            ..., tile.start - tile.read_start : tile.stop - tile.read_start
        ]
        total[..., tile.start : tile.stop] += kept * tile.weight
        weights[tile.start : tile.stop] += tile.weight
    out = total / weights
    return out if scale == PLAIN else out * deviation + mean


@st.composite
def tilings(draw):
    """Return tiles in order of start that overlap by any amount, or not at all."""
    length, start, reach, tiles = draw(st.integers(1, 900)), 0, 0, []
    random = np.random.default_rng(draw(st.integers(0, 999)))
    while reach < length:
        stop = min(length, max(reach, start + draw(st.integers(1, 300))))
        weight = torch.from_numpy(random.uniform(0.1, 1, stop - start).astype(np.float32))
        around = draw(st.sampled_from([0, 0, 25]))
        tiles.append(Tile(start - around, stop + around, start, stop, weight))
        reach = stop
        start = draw(st.integers(start, reach))
    return length, tiles


@settings(max_examples=examples(30, 100), deadline=None)
@given(tilings(), st.integers(1, 4), st.sampled_from([PLAIN, (0.1, 2.5)]), st.sampled_from([1, 64]))
def test_it_is_the_sum_over_the_whole_track(tiling, batch_size, scale, step):
    length, tiles = tiling
    track = np.random.default_rng(length).standard_normal((2, length), dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_STEP", step)
        stretches = list(overlap_add(track, iter(tiles), forward, CPU, batch_size, scale))
    # stretches that were handed on must not change afterwards
    found = torch.cat(stretches, dim=-1)
    assert found.numpy().tobytes() == whole(tiles, track, scale).numpy().tobytes()


def test_stretches_share_no_memory():
    track = np.ones((2, 5000), np.float32)
    stretches, kept = [], []
    for stretch in overlap_add(track, CenteredTiling(1000).tiles(5000), forward, CPU):
        stretches.append(stretch)
        kept.append(stretch.clone())
    assert len(stretches) > 3
    assert all(torch.equal(one, other) for one, other in zip(stretches, kept, strict=True))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 2500, 4999])
def test_a_sample_that_is_no_number_is_found(value, place):
    track = np.zeros((2, 5000), np.float32)
    track[1, place] = value
    with pytest.raises(ModelError, match="NaN or infinite"):
        list(overlap_add(track, CenteredTiling(1000).tiles(5000), lambda x: x[:, None], CPU))


def test_loud_samples_are_numbers_though_their_sum_is_none():
    track = np.full((2, 5000), 3e38, np.float32)
    out = torch.cat(
        list(overlap_add(track, CenteredTiling(10_000).tiles(5000), lambda x: x[:, None], CPU)), -1
    )
    assert torch.isfinite(out).all()
