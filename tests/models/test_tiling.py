"""Every tiling covers every length, and overlap-add of an untouched signal gives it back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError
from stemwise.models.stft import FrameStft
from stemwise.models.tiling import CenteredTiling, FrameTiling, triangle, window_envelope
from stemwise.separation.overlap_add import overlap_add

CPU = torch.device("cpu")


def next_multiple(length):
    return -(-length // 16) * 16


@st.composite
def centered(draw):
    chunk = draw(st.integers(2, 300))
    overlap = draw(st.floats(0, 0.9).filter(lambda share: int((1 - share) * chunk) >= 1))
    valid_length = draw(st.sampled_from([int, next_multiple, lambda length: length + 7]))
    return CenteredTiling(chunk, overlap, valid_length)


@st.composite
def framed(draw):
    n_fft = 2 * draw(st.integers(1, 64))
    hop = draw(st.integers(1, n_fft // 2))
    return FrameTiling(n_fft, hop, draw(st.integers(1, 12)))


tilings = centered() | framed()
lengths = st.integers(1, 2_000)


@given(tiling=tilings, length=lengths)
@settings(max_examples=200, deadline=None)
def test_tiles_cover_the_track_with_positive_weight(tiling, length):
    total, last = torch.zeros(length), 0
    for tile in tiling.tiles(length):
        assert last <= tile.start < tile.stop <= length
        assert tile.read_start <= tile.start and tile.stop <= tile.read_stop
        assert tile.weight.shape == (tile.stop - tile.start,)
        assert (tile.weight > 0).all()
        total[tile.start : tile.stop] += tile.weight
        last = tile.start
    assert (total > 0).all()


@given(tiling=tilings, length=lengths, batch_size=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_an_untouched_signal_comes_back(tiling, length, batch_size, seed):
    track = np.random.default_rng(seed).uniform(-1, 1, (2, length)).astype(np.float32)
    stretches = overlap_add(
        track, tiling.tiles(length), lambda chunks: chunks[:, None], CPU, batch_size
    )
    out = torch.cat(list(stretches), dim=-1)
    assert out.shape == (1, 2, length)
    np.testing.assert_allclose(out[0].numpy(), track, atol=1e-6)


@given(
    length=st.integers(1, 3_000),
    hop_share=st.sampled_from([2, 3, 4, 8]),
    frames=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_frame_tiles_equal_one_transform_of_the_whole_track(length, hop_share, frames, seed):
    n_fft = 64
    tiling, stft = (
        FrameTiling(n_fft, n_fft // hop_share, frames),
        FrameStft(64, 64 // hop_share, frames),
    )
    random = np.random.default_rng(seed)
    # beyond the last frame centre the tiles have frames that a whole transform lacks
    track = np.pad(random.uniform(-1, 1, (2, length)), ((0, 0), (0, n_fft))).astype(np.float32)
    mask = torch.from_numpy(random.uniform(0, 1, (n_fft // 2 + 1, 1)).astype(np.float32))

    tiled = overlap_add(
        track,
        tiling.tiles(track.shape[1]),
        lambda chunks: stft.inverse(stft.forward(chunks) * mask)[:, None],
        CPU,
    )
    tiled = torch.cat(list(tiled), dim=-1)[0]

    window = torch.hann_window(n_fft)
    spectra = torch.stft(
        torch.from_numpy(track),
        n_fft,
        tiling.hop,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )
    whole = torch.istft(spectra * mask, n_fft, tiling.hop, window=window, length=track.shape[1])
    reach = length + n_fft // 2
    torch.testing.assert_close(tiled[:, :reach], whole[:, :reach], atol=2e-6, rtol=0)


@pytest.mark.parametrize("chunk", [1, 2, 3, 10, 11])
def test_the_triangle_is_demucs_weight(chunk):
    rising = torch.arange(1, chunk // 2 + 1)
    falling = torch.arange(chunk - chunk // 2, 0, -1)
    expected = torch.cat([rising, falling])
    assert torch.equal(triangle(chunk), expected / expected.max())


def test_a_chunk_reads_its_neighbours_where_the_model_wants_more():
    tiling = CenteredTiling(100, 0.25, valid_length=lambda length: length + 31)
    first, second, *_ = tiling.tiles(400)
    assert (first.read_start, first.read_stop, first.start, first.stop) == (-15, 116, 0, 100)
    assert (second.read_start, second.read_stop, second.start, second.stop) == (60, 191, 75, 175)


def test_the_envelope_is_the_sum_of_squared_windows():
    n_fft, hop = 8, 2
    squared = torch.hann_window(n_fft) ** 2
    expected = torch.stack(
        [
            sum(squared[at - t * hop] for t in range(3) if 0 <= at - t * hop < n_fft)
            for at in range(12)
        ]
    )
    torch.testing.assert_close(window_envelope(n_fft, hop, 3), expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CenteredTiling(0),
        lambda: CenteredTiling(-5),
        lambda: CenteredTiling(100, overlap=1.0),
        lambda: CenteredTiling(100, overlap=-0.1),
        lambda: CenteredTiling(100, overlap=float("nan")),
        lambda: CenteredTiling(2, overlap=0.9),
        lambda: FrameTiling(64, 33, 4),
        lambda: FrameTiling(64, 0, 4),
        lambda: FrameTiling(63, 16, 4),
        lambda: FrameTiling(64, 16, 0),
    ],
)
def test_a_tiling_that_would_leave_gaps_is_refused(make):
    with pytest.raises(ConfigError):
        make()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CenteredTiling(100), CenteredTiling(101)),
        (CenteredTiling(100), CenteredTiling(100, 0.5)),
        (FrameTiling(64, 16, 4), FrameTiling(64, 32, 4)),
        (FrameTiling(64, 16, 4), FrameTiling(64, 16, 5)),
    ],
)
def test_settings_tell_tilings_apart(one, other):
    assert one.settings() != other.settings()
