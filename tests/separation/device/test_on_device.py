"""The engine beside a CPU: equal to the CPU's own way, and begun before it is needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stemwise.core.errors import ModelError
from stemwise.models.tiling import CenteredTiling, FrameTiling, Tile
from stemwise.separation.device.copies import PlainCopies
from stemwise.separation.device.memory import MOST, batch_for
from stemwise.separation.device.overlap_add import overlap_add_on_device
from stemwise.separation.separator import Separator

COPIES = PlainCopies(torch.device("cpu"))


def noise(length, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (2, length)).astype(np.float32)


def stems(chunks):
    """Return two stems that depend on the place in the chunk."""
    return torch.stack((chunks * 0.7, chunks * torch.linspace(-1, 1, chunks.shape[-1])), dim=1)


@pytest.mark.parametrize("tiling", [CenteredTiling(1000), FrameTiling(256, 64, 10)])
@pytest.mark.parametrize("length", [1, 1000, 7777])
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("residual", [None, "rest"])
def test_it_equals_the_way_of_the_cpu_bit_for_bit(fake, gpu, tiling, length, batch_size, residual):
    model = fake(stems, tiling=tiling, normalisation="zscore")
    plain = Separator(model, "cpu", batch_size, residual)
    beside = Separator(model, "cpu", batch_size, residual, "fp32", gpu=gpu())
    mixture, seen = noise(length), []
    expected = list(plain.stream(mixture))
    found = list(beside.stream(mixture, progress=seen.append))
    assert torch.equal(torch.cat(found, -1), torch.cat(expected, -1))
    assert [part.shape for part in found] == [part.shape for part in expected]
    assert seen[-1] == length and found[0].shape[0] == len(plain.stems_for())


def test_a_stretch_is_handed_on_while_the_next_pass_computes():
    events = []

    def forward(chunks):
        events.append("pass")
        return stems(chunks)

    tiles = CenteredTiling(1000).tiles(3000)
    stretches = overlap_add_on_device(noise(3000), tiles, forward, COPIES)
    while next(stretches, None) is not None:
        events.append("stretch")
    begun = [events[:place].count("pass") for place, e in enumerate(events) if e == "stretch"]
    assert events.count("pass") == 4 == len(begun)
    # the stretch before pass n comes once pass n has been begun; the last one after all
    assert begun == [2, 3, 4, 4]


class NoNumbers:
    """Copies to the device `meta`, on which nothing can be waited for and CPU tensors fail."""

    device = torch.device("meta")

    def bring(self, here):
        return lambda: here.to(self.device)

    def fetch(self, there):
        assert there.is_meta
        return lambda: torch.zeros(there.shape)


def test_sums_and_residual_stay_on_the_device():
    tiles = CenteredTiling(1000).tiles(5000)
    forward = lambda chunks: torch.stack([chunks] * 3, dim=1)  # noqa: E731
    stretches = overlap_add_on_device(noise(5000), tiles, forward, NoNumbers(), 2, (0.1, 2.0), True)
    assert torch.cat(list(stretches), dim=-1).shape == (4, 2, 5000)


@pytest.mark.parametrize("parts", [[(0, 40), (60, 100)], [(0, 40), (40, 99)], [(0, 101)]])
def test_a_tiling_that_does_not_cover_the_track_is_refused(parts):
    tiles = [Tile(a, b, a, b, torch.ones(b - a)) for a, b in parts]
    with pytest.raises(ModelError, match=r"tiling (does not cover|leaves out)"):
        list(overlap_add_on_device(noise(100), iter(tiles), stems, COPIES))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_sample_that_is_no_number_is_found(value):
    track = np.zeros((2, 5000), np.float32)
    track[1, 2500] = value
    tiles = CenteredTiling(1000).tiles(5000)
    with pytest.raises(ModelError, match="NaN or infinite"):
        list(overlap_add_on_device(track, tiles, stems, COPIES))


def test_another_number_of_stems_is_refused(fake, gpu):
    model = fake(lambda chunks: chunks[:, None])
    with pytest.raises(
        ModelError, match=r"returned \(2, 2\) stems and channels instead of \(3, 2\)"
    ):
        Separator(model, "cpu", 1, "rest", "fp32", gpu=gpu())(noise(2000))


def test_passes_take_as_many_chunks_as_memory_allows():
    assert batch_for(1000, 100) == 5 and batch_for(100, 100) == 1 == batch_for(0, 100)
    assert batch_for(10**9, 100) == MOST == batch_for(10**9, 0)


@pytest.mark.parametrize(("free", "expected"), [(650, 3), (10**6, MOST), (1, 1)])
def test_the_first_chunk_with_sound_tells_the_chunks_of_a_pass(fake, gpu, free, expected):
    sizes = []

    def count(chunks):
        sizes.append(len(chunks))
        return stems(chunks)

    separator = Separator(fake(count), "cpu", precision="fp32", gpu=gpu(free=free))
    mixture = noise(9000)
    mixture[:, :3000] = 0
    separator(mixture)
    assert separator.batch_size == expected == max(sizes) and sizes[:2] == [1, 1]


def test_what_was_asked_for_stays(fake, gpu):
    separator = Separator(fake(stems), "cpu", 3, precision="fp32", gpu=gpu(free=1))
    separator(noise(4000))
    assert separator.batch_size == 3
