"""The least redundant tiling covers every track, gives it back, and lets a model hear little twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError
from stemwise.models.fast_tiling import FastTiling
from stemwise.models.msst_demucs import EvenTiling
from stemwise.models.reflect_tiling import ReflectTiling
from stemwise.models.tiling import CenteredTiling
from stemwise.separation.overlap_add import overlap_add

chunks = st.integers(4, 400)
lengths = st.integers(1, 3_000)
quick = settings(max_examples=60, deadline=None)


def total_weight(tiling, length):
    total = torch.zeros(length)
    for tile in tiling.tiles(length):
        total[tile.start : tile.stop] += tile.weight
    return total


@given(chunk=chunks, length=lengths, reflect=st.booleans())
@quick
def test_chunks_cover_a_track_in_order_and_hold_nothing_but_it(chunk, length, reflect):
    tiles = list(FastTiling(chunk, reflect).tiles(length))
    assert (tiles[0].start, tiles[-1].stop) == (0, length)
    for tile in tiles:
        assert tile.read_stop - tile.read_start == chunk
        assert tile.weight.shape == (tile.stop - tile.start,) and (tile.weight > 0).all()
        assert len(tiles) == 1 or (tile.start, tile.stop) == (tile.read_start, tile.read_stop)
    for one, after in pairwise(tiles):
        assert chunk // 4 <= one.stop - after.start < chunk


@given(chunk=chunks, length=lengths)
@quick
def test_weights_of_overlaps_up_to_half_a_chunk_add_up_to_one(chunk, length):
    tiles = list(FastTiling(chunk).tiles(length))
    if all(2 * (a.stop - b.start) <= chunk for a, b in pairwise(tiles)):
        torch.testing.assert_close(total_weight(FastTiling(chunk), length), torch.ones(length))


@given(chunk=chunks, length=lengths)
@quick
def test_a_chunk_counts_more_and_less_without_steps(chunk, length):
    # each fade climbs from 0 to 1 over at least a quarter of a chunk
    for tile in FastTiling(chunk).tiles(length):
        steps = tile.weight.diff().abs()
        assert len(steps) == 0 or steps.max() <= 1 / max(1, chunk // 4) + 1e-6


@given(chunk=chunks, length=lengths)
@quick
def test_no_chunk_could_be_left_out(chunk, length):
    tiling = FastTiling(chunk)
    if length > chunk:
        step = chunk - chunk // 4
        # one chunk less could not reach the end with overlaps of a quarter
        assert tiling.heard(length) // chunk * step < length - chunk // 4 + step
        assert tiling.heard(length) <= 4 / 3 * (length + chunk / 2) + chunk * 4 / 3 / step
    else:
        assert tiling.heard(length) == chunk


@given(
    chunk=chunks,
    length=lengths,
    size=st.integers(1, 4),
    seed=st.integers(0, 99),
    short=st.booleans(),
)
@quick
def test_a_model_that_gives_back_what_it_hears_is_exact(chunk, length, size, seed, short):
    track = np.random.default_rng(seed).uniform(-1, 1, (2, length)).astype(np.float32)
    tiles = FastTiling(chunk, short).tiles(length)
    found = overlap_add(track, tiles, lambda x: x[:, None], torch.device("cpu"), size)
    np.testing.assert_allclose(torch.cat(list(found), -1)[0], track, atol=1e-6)


def test_a_short_track_is_extended_as_its_reference_tiling_does():
    for length in (1, 5, 6, 7, 9, 10):
        (fast,), reference = FastTiling(10).tiles(length), list(ReflectTiling(10, 2).tiles(length))
        first = reference[0]
        assert fast.read_start == first.read_start == 0
        heard = torch.arange(length)
        padded = torch.cat([heard, torch.full((10 - length,), -1)])
        own = padded if fast.sources is None else fast.sources
        assert own.tolist() == first.sources.tolist()
    (zeros,) = FastTiling(10, reflect=False).tiles(9)
    assert zeros.sources is None


@given(
    tiling=st.one_of(
        st.builds(FastTiling, chunks),
        st.builds(ReflectTiling, st.integers(12, 300), st.integers(1, 6)),
        st.builds(EvenTiling, st.integers(8, 300), st.integers(1, 4)),
        st.builds(
            CenteredTiling,
            st.integers(8, 300),
            st.sampled_from([0.0, 0.1, 0.25, 0.5]),
            st.sampled_from([int, lambda n: n + 7]),
            st.booleans(),
        ),
    ),
    length=lengths,
)
@quick
def test_what_is_heard_is_counted_without_making_tiles(tiling, length):
    made = sum(tile.read_stop - tile.read_start for tile in tiling.tiles(length))
    assert tiling.heard(length) == made


@given(chunk=st.integers(8, 300), overlap=st.floats(0, 0.8), length=lengths)
@quick
def test_demucs_exact_tiling_leaves_out_only_chunks_that_lie_within_others(chunk, overlap, length):
    usual, exact = (CenteredTiling(chunk, overlap, exact=kind) for kind in (False, True))
    kept, every = list(exact.tiles(length)), list(usual.tiles(length))
    assert [(t.start, t.stop) for t in kept] == [(t.start, t.stop) for t in every[: len(kept)]]
    assert kept[-1].stop == length and all(t.stop == length for t in every[len(kept) :])
    assert all(t.stop < length for t in kept[:-1])
    assert (total_weight(exact, length) > 0).all()


def test_expected_redundancy_of_the_official_models():
    seconds = 240 * 44_100
    scnet, mel = ReflectTiling(485_100, 4), ReflectTiling(352_800, 2)
    assert scnet.heard(seconds) / FastTiling(485_100).heard(seconds) > 2.9
    assert mel.heard(seconds) / FastTiling(352_800).heard(seconds) > 1.5


def test_a_chunk_that_cannot_overlap_is_refused():
    with pytest.raises(ConfigError, match="3 samples cannot overlap"):
        FastTiling(3)
