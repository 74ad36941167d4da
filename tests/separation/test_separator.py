"""From a mixture to estimates: stretch by stretch, checked, and without holding the track."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from stemwise.audio.raw import RawAudio
from stemwise.core.errors import AudioError, DeviceError, DeviceMemoryError, ModelError
from stemwise.models.tiling import CenteredTiling, FrameTiling, Tile
from stemwise.separation.separator import Separator, pick_device, track_scale


def noise(length, channels=2, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, length)).astype(np.float32)


def twice(chunks):
    return torch.stack([chunks, -2 * chunks], dim=1)


class Tiles:
    """A tiling given as a list of (start, stop), or of whole tiles."""

    def __init__(self, *parts):
        self.parts = parts

    def tiles(self, length):
        for part in self.parts:
            if isinstance(part, Tile):
                yield part
            else:
                start, stop = part
                yield Tile(start, stop, start, stop, torch.ones(stop - start))

    def settings(self):
        return {}


@pytest.mark.parametrize("tiling", [CenteredTiling(1000), FrameTiling(256, 64, 10)])
@pytest.mark.parametrize("length", [1, 999, 1000, 1001, 7777])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_stream_is_the_whole_in_parts(fake, tiling, length, batch_size):
    separator = Separator(fake(twice, tiling=tiling), "cpu", batch_size)
    mixture, seen = noise(length), []
    parts = list(separator.stream(mixture, progress=seen.append))
    joined = torch.cat(parts, dim=-1)
    assert torch.equal(joined, separator(mixture))
    np.testing.assert_allclose(joined[0].numpy(), mixture, atol=1e-6)
    np.testing.assert_allclose(joined[1].numpy(), -2 * mixture, atol=2e-6)
    assert seen == list(np.cumsum([part.shape[-1] for part in parts]))
    assert seen[-1] == length
    if length == 7777:
        assert len(parts) > 3


def test_the_batch_size_is_respected(fake):
    sizes = []

    def count(chunks):
        sizes.append(len(chunks))
        return twice(chunks)

    Separator(fake(count), "cpu", 3)(noise(7777))
    assert max(sizes) == 3 and len(sizes) < 11
    sizes.clear()
    Separator(fake(count), "cpu")(noise(7777))
    assert set(sizes) == {1}


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)."),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
]


class Small:
    """A function whose memory holds `room` chunks; `sizes` are those of the passes tried."""

    def __init__(self, room, error=OUT_OF_MEMORY[0]):
        self.room, self.error, self.sizes = room, error, []

    def __call__(self, chunks):
        self.sizes.append(len(chunks))
        if len(chunks) > self.room:
            raise self.error
        # a network's output depends on its chunk alone, to all digits only in passes of equal size
        return twice(chunks * len(chunks))


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
def test_out_of_memory_halves_the_batch_and_goes_on(fake, error):
    small, mixture = Small(2, error), noise(7777)
    separator = Separator(fake(small), "cpu", 8)
    found = separator(mixture)
    assert separator.batch_size == 2
    assert small.sizes[:3] == [8, 4, 2] and max(small.sizes[2:]) == 2
    assert torch.equal(found, Separator(fake(Small(2)), "cpu", 2)(mixture))
    small.sizes.clear()
    assert torch.equal(separator(mixture), found)
    assert max(small.sizes) == 2  # nothing is tried in vain again


def test_memory_that_ends_later_on_halves_what_is_left(fake):
    small, mixture = Small(4), noise(30_000)
    separator = Separator(fake(small), "cpu", 4)
    stream = separator.stream(mixture)
    first = next(stream)
    assert separator.batch_size == 4
    small.room = 1
    rest = torch.cat(list(stream), dim=-1)
    assert separator.batch_size == 1
    ones = Separator(fake(Small(1)), "cpu", 1)(mixture)
    assert torch.equal(rest[..., 1000:], ones[..., first.shape[-1] + 1000 :])


def test_no_room_for_one_chunk_is_one_sentence_with_the_way_out(fake):
    small = Small(0)
    separator = Separator(fake(small), "cpu", 4)
    with pytest.raises(DeviceMemoryError, match=r"memory of cpu .*Tried to allocate.*fewer") as no:
        separator(noise(7777))
    assert small.sizes == [4, 2, 1] and "\n" not in str(no.value)
    small.room = 1
    separator(noise(7777))  # other models may have gone meanwhile


def test_other_errors_halve_nothing(fake):
    small = Small(2, RuntimeError("the shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes"):
        Separator(fake(small), "cpu", 4)(noise(7777))
    assert small.sizes == [4]


def test_a_model_that_the_device_does_not_hold_is_named(fake, monkeypatch):
    def to(self, device):
        raise OUT_OF_MEMORY[0]

    model = fake(twice)
    monkeypatch.setattr(type(model), "to", to)
    with pytest.raises(DeviceMemoryError, match="memory of cpu"):
        Separator(model, "cpu")


def test_chunks_are_made_when_their_stretch_is_asked_for(fake):
    calls = []

    def count(chunks):
        calls.append(len(chunks))
        return twice(chunks)

    stream = Separator(fake(count), "cpu").stream(noise(100_000))
    next(stream)
    assert len(calls) <= 2


def test_no_gradients_are_kept_and_no_mode_leaks_into_the_callers_code(fake):
    def watched(chunks):
        assert torch.is_inference_mode_enabled()
        return twice(chunks)

    for _ in Separator(fake(watched), "cpu").stream(noise(5000)):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("normalisation", ["none", "zscore"])
def test_a_mixture_on_disk_gives_the_same(fake, tmp_path, normalisation):
    mixture = noise(7777)
    raw = tmp_path / "raw"
    mixture.T.tofile(raw)
    on_disk = RawAudio(raw, 7777)
    np.testing.assert_array_equal(np.asarray(on_disk), mixture)
    np.testing.assert_array_equal(on_disk[:, 70:90], mixture[:, 70:90])
    np.testing.assert_array_equal(on_disk[1:, 7700:9000], mixture[1:, 7700:9000])
    separator = Separator(fake(twice, normalisation=normalisation), "cpu")
    assert torch.equal(separator(on_disk), separator(mixture))


def test_zscore_is_taken_off_and_put_back(fake):
    seen = []

    def keep(chunks):
        seen.append(chunks)
        return torch.stack([chunks, torch.zeros_like(chunks)], dim=1)

    model = fake(keep, normalisation="zscore", tiling=CenteredTiling(10_000))
    mixture = 0.1 * noise(8000) + 0.3
    out = Separator(model, "cpu")(mixture)
    mono = mixture.mean(axis=0, dtype=np.float64)
    assert float(seen[0].mean(dim=1).mean()) == pytest.approx(0, abs=1e-4)
    assert float(seen[0].mean(dim=1).std()) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(out[0].numpy(), mixture, atol=1e-6)
    np.testing.assert_allclose(out[1].numpy(), mono.mean(), atol=1e-6)  # as demucs does


@pytest.mark.parametrize("length", [2, 3, 4_200_000])
def test_the_scale_is_that_of_torch(length):
    mixture = noise(length) + np.float32(0.2)
    mono = torch.from_numpy(mixture).double().mean(0)
    mean, deviation = track_scale(mixture)
    assert mean == pytest.approx(float(mono.mean()), rel=1e-6)
    assert deviation == pytest.approx(float(mono.std()) + 1e-8, rel=1e-5)


def test_references_are_handed_on_below_the_mixture(fake):
    seen = []

    def first_reference(chunks):
        seen.append(chunks)
        return torch.stack([chunks[:, 2:4], chunks[:, 4:6]], dim=1)

    model = fake(first_reference, stems=(), uses_references=True)
    separator = Separator(model, "cpu")
    mixture, references = noise(2500), {"x": noise(2500, seed=1), "y": noise(2500, seed=2)}
    out = separator(mixture, references)
    assert seen[0].shape[1] == 6
    assert separator.stems_for(references) == ("x", "y")
    np.testing.assert_allclose(out[0].numpy(), references["x"], atol=1e-6)
    np.testing.assert_allclose(out[1].numpy(), references["y"], atol=1e-6)
    for wrong in (None, {}, {"x": noise(2499)}, {"x": noise(2500, channels=1)}):
        with pytest.raises(AudioError, match="true stems"):
            separator(mixture, wrong)


@pytest.mark.parametrize(
    "mixture", [noise(100, 1), noise(100, 6), np.zeros((2, 0), np.float32), np.zeros(100)]
)
def test_what_is_not_a_stereo_mixture_is_refused(fake, mixture):
    with pytest.raises(AudioError, match="must be"):
        Separator(fake(twice), "cpu")(mixture)


def poison(value, at):
    def function(chunks):
        out = twice(chunks)
        out[0, 1, 0, at] = value
        return out

    return function


@pytest.mark.parametrize(
    "function",
    [
        poison(float("nan"), 5),
        poison(float("inf"), 999),
        lambda chunks: twice(chunks)[..., :-1],
        lambda chunks: torch.nn.functional.pad(twice(chunks), (0, 1)),
        lambda chunks: chunks,
        lambda chunks: chunks[:, None],
        lambda chunks: twice(chunks)[:, :, :1],
        lambda chunks: torch.cat([twice(chunks)] * 2, dim=1),
        lambda chunks: torch.cat([twice(chunks)] * 2),
        lambda chunks: twice(chunks)[None],
    ],
)
@pytest.mark.parametrize("batch_size", [1, 2])
def test_what_is_not_an_estimate_is_refused(fake, function, batch_size):
    with pytest.raises(ModelError):
        Separator(fake(function), "cpu", batch_size)(noise(3500))


@pytest.mark.parametrize("seconds_half", [False, True])
def test_nan_anywhere_in_the_track_is_found(fake, seconds_half):
    mixture = noise(3500)
    mixture[1, 3400 if seconds_half else 10] = np.nan
    with pytest.raises(ModelError, match="NaN"):
        Separator(fake(twice), "cpu")(mixture)


@pytest.mark.parametrize(
    "tiling",
    [
        Tiles(),
        Tiles((0, 50)),
        Tiles((0, 99)),
        Tiles((10, 100)),
        Tiles((0, 40), (60, 100)),
        Tiles((0, 10), (20, 30), (30, 100)),
        Tiles((0, 100), (100, 200)),
        Tiles(Tile(0, 100, 0, 100, torch.zeros(100))),
        Tiles((0, 50), Tile(50, 100, 50, 100, torch.zeros(50))),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_a_tiling_that_does_not_cover_the_track_is_refused(fake, tiling, batch_size):
    with pytest.raises(ModelError):
        Separator(fake(twice, tiling=tiling), "cpu", batch_size)(noise(100))


@pytest.mark.parametrize("name", ["nonsense", "cuda:99", "", "cpu:x", "meta"])
def test_a_device_that_is_not_here_is_named(name):
    with pytest.raises(DeviceError, match="device"):
        pick_device(name)


def test_auto_always_finds_a_device():
    assert pick_device().type in {"cuda", "mps", "cpu"}


LONG = """
import json, sys, tempfile
from pathlib import Path
from stemwise.audio.raw import RawAudio
from stemwise.models.registry import build, prepare, resolve
from stemwise.separation.separator import Separator

def own_memory():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) // 1024  # not libraries

model = build(prepare(resolve(json.loads(sys.argv[1]))))
samples, peak, forward = int(sys.argv[2]) * 44_100, 0, model.forward

def watched(chunks):
    global peak
    out = forward(chunks)
    peak = max(peak, own_memory())
    return out

model.forward = watched
with tempfile.TemporaryDirectory() as folder:
    raw = Path(folder) / "raw"
    with raw.open("wb") as file:
        file.truncate(samples * 8)  # a sparse file: silence that costs no disk
    mixture = RawAudio(raw, samples)
    before, done, largest = own_memory(), 0, 0
    for part in Separator(model, "cpu").stream(mixture):
        done, largest = done + part.shape[-1], max(largest, part.shape[-1])
        peak = max(peak, own_memory())
    assert done == samples, done
print(peak - before, largest)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("entry", "seconds", "chunk"),
    [
        ({"name": "two", "base": "mixture", "stems": ["a", "b"]}, 600, 30 * 44_100),
        ("band_split", 240, 256 * 1024),
    ],
)
def test_a_long_track_needs_no_more_memory_than_a_short_one(entry, seconds, chunk):
    """The estimates of the whole track would be 423 MB and 254 MB, on top of what is measured."""
    run = subprocess.run(
        [sys.executable, "-c", LONG, json.dumps(entry), str(seconds)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    megabytes, largest = map(int, run.stdout.split())
    assert megabytes < 400
    assert largest <= chunk


@pytest.mark.parametrize("normalisation", ["none", "zscore"])
@pytest.mark.parametrize("length", [1, 999, 7777])
def test_a_residual_conserves_the_input(fake, normalisation, length):
    """Estimates half the input (and, standardised, its mean): the residual is what is missing."""
    half = fake(lambda chunks: 0.5 * chunks[:, None], stems=("lead",), normalisation=normalisation)
    separator = Separator(half, "cpu", residual="backing")
    mixture = noise(length) + np.float32(0.1)
    estimates = separator(mixture).numpy()
    assert separator.stems_for() == ("lead", "backing")
    assert estimates.shape == (2, 2, length)
    np.testing.assert_allclose(estimates.sum(axis=0), mixture, atol=1e-6)
    if normalisation == "none":
        np.testing.assert_allclose(estimates[1], 0.5 * mixture, atol=1e-6)
