"""Spleeter's archives of 4 and 5 stems: TensorFlow's format, the networks' order, the masks."""

from __future__ import annotations

import gzip
import lzma
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stemwise.core.errors import CheckpointError
from stemwise.models import registry, spleeter_archive
from stemwise.models.checkpoints.tensorflow_bundle import _table, load_variables
from stemwise.models.spleeter import BINS, UNet
from stemwise.models.spleeter_archive import SpleeterArchiveModel, _names, load_unets

from . import tensorflow_files

FOUR = ("vocals", "drums", "bass", "other")
STEP = {"global_step": np.array(7, np.int64)}
WIDTHS = (2, 2, 3, 4, 3, 2, 3)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    """U-Nets of few channels: the layers and their names are the true ones."""
    monkeypatch.setattr(spleeter_archive, "UNet", partial(UNet, widths=WIDTHS))


def networks(count, seed=0):
    torch.manual_seed(seed)
    made = [UNet(elu=True, widths=WIDTHS).eval() for _ in range(count)]
    with torch.no_grad():
        for network in made:
            for value in network.state_dict().values():
                if value.is_floating_point():
                    value.mul_(0.5).add_(0.05 * torch.rand_like(value))
    return made


def variables(made):
    """What TensorFlow saves of such networks, by its names and with its axes."""
    found = {}
    for number, network in enumerate(made):
        state = network.state_dict()
        for key, name in _names(number).items():
            value = state[key].numpy()
            found[name] = value.transpose(2, 3, 1, 0).copy() if value.ndim == 4 else value
    return found


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    made = networks(4)
    path = tmp_path_factory.mktemp("spleeter") / "4stems.tar.gz"
    tensorflow_files.archive(path, variables(made) | STEP)
    return path, made


def test_layers_are_numbered_through_as_keras_does():
    first, third = _names(0), _names(2)
    assert first["down.0.conv.weight"] == "conv2d/kernel"
    assert first["down.5.norm.running_var"] == "batch_normalization_5/moving_variance"
    assert first["up.0.conv.bias"] == "conv2d_transpose/bias"
    assert first["up.5.norm.weight"] == "batch_normalization_11/gamma"
    assert first["mask.weight"] == "conv2d_6/kernel"
    assert third["down.0.conv.weight"] == "conv2d_14/kernel"
    assert third["up.0.conv.weight"] == "conv2d_transpose_12/kernel"
    assert third["up.0.norm.bias"] == "batch_normalization_30/beta"
    assert len({*first.values(), *third.values()}) == 2 * len(first) == 2 * 74


def test_what_tensorflow_wrote_is_read_and_computes_what_keras_computed(monkeypatch):
    """Two narrow U-Nets of Keras layers, random weights, by tf.train.Saver of TensorFlow 2.21."""
    monkeypatch.setattr(spleeter_archive, "UNet", partial(UNet, widths=(2, 2, 3, 4, 3, 2, 3)))
    path = Path(__file__).parent / "made_by_tensorflow" / "two_unets.tar.gz"
    heard = torch.arange(8192.0).mul(0.1).sin().abs().reshape(1, 64, 64, 2).permute(0, 3, 1, 2)
    # Keras' masks before the sigmoid, left channel, every 31st frame and bin
    expected = [
        [
            [0.27795, 33.79709, 14.87168],
            [-1.09591, 182.85529, 2.64907],
            [9.66149, 52.38292, 22.10596],
        ],
        [
            [0.19857, 20.88673, 15.71049],
            [-8.4599, 114.63416, 182.76448],
            [-1.94363, 0.21681, 28.02525],
        ],
    ]
    with torch.inference_mode():
        found = [one.eval().logit(heard)[0, 0, ::31, ::31] for one in load_unets(path, 2)]
    torch.testing.assert_close(torch.stack(found), torch.tensor(expected), atol=1e-3, rtol=1e-5)


@given(
    st.dictionaries(st.binary(max_size=6), st.binary(max_size=9), max_size=30), st.integers(1, 9)
)
def test_tables_are_read_whatever_their_blocks(content, per_block):
    entries = sorted(content.items())
    assert list(_table(tensorflow_files.table(entries, per_block))) == entries


def test_variables_come_back_and_counters_are_left_out(tmp_path):
    random = np.random.default_rng(0)
    made = {
        "a/kernel": random.normal(size=(2, 3, 1, 5)).astype(np.float32),
        "a/kernel/more": np.zeros((0, 4), np.float32),
        "b": np.array(2.5, np.float32),
    }
    found = load_variables(tensorflow_files.archive(tmp_path / "x.tar.gz", made | STEP))
    assert found.keys() == made.keys()
    for name, value in made.items():
        np.testing.assert_array_equal(found[name], value)


def test_each_stem_has_its_own_network(four):
    path, made = four
    for network, loaded in zip(made, load_unets(path, 4), strict=True):
        expected, found = network.state_dict(), loaded.state_dict()
        assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.parametrize("softmax", [False, True])
@torch.inference_mode()
def test_masks_are_power_ratios_of_what_the_networks_estimate(four, softmax):
    path, made = four
    model = SpleeterArchiveModel(path, FOUR, softmax)
    chunk = 0.1 * torch.randn(1, 2, model.tiling.chunk)
    window = torch.hann_window(4096)
    spectra = torch.stft(chunk[0], 4096, 1024, window=window, center=False, return_complex=True)
    magnitude = spectra[:, :BINS].abs().mT[None]
    logits = torch.stack([network.logit(magnitude)[0] for network in made])
    share = torch.softmax(logits, dim=0) if softmax else torch.sigmoid(logits)
    power = (share * magnitude) ** 2
    masks = torch.zeros(4, *spectra.shape)
    masks[:, :, :BINS] = ((power + 1e-10 / 4) / (power.sum(dim=0) + 1e-10)).mT
    found = model.forward(chunk)[0]
    inner = slice(4096, -4096)
    framed = torch.stft(
        found.flatten(0, 1), 4096, 1024, window=window, center=False, return_complex=True
    )
    # a consistent spectrogram: overlap-add of the masked one, analysed again
    padded = torch.nn.functional.pad(spectra * masks, (0, 0, 0, 0)).flatten(0, 1)
    frames = torch.fft.irfft(padded.mT, n=4096) * window
    length = (frames.shape[1] - 1) * 1024 + 4096
    total, weight = torch.zeros(8, length), torch.zeros(length)
    for number in range(frames.shape[1]):
        part = slice(number * 1024, number * 1024 + 4096)
        total[:, part] += frames[:, number]
        weight[part] += window**2
    expected = total[:, inner] / weight[inner]
    assert framed.shape[0] == 8 and float(expected.std()) > 1e-3
    torch.testing.assert_close(found.flatten(0, 1)[:, inner], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "count"), [("spleeter_4stems", 4), ("spleeter_5stems", 5)])
def test_the_zoo_names_the_authors_archives(name, count):
    spec = registry.get(name)
    (item,) = spec.checkpoints
    assert item.url.endswith(f"/v1.4.0/{count}stems.tar.gz") and len(item.sha256) == 64
    assert len(spec.stems) == count and spec.settings == ({"softmax": True} if count == 5 else {})
    assert spec.parameters == count * sum(value.numel() for value in UNet().parameters())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda made: {k: v for k, v in made.items() if k != "conv2d_20/bias"},
            "lacks conv2d_20/bias",
        ),
        (
            lambda made: made | {"conv2d_28/kernel": np.zeros(3, np.float32)},
            "conv2d_28/kernel, which",
        ),
        (
            lambda made: made | {"conv2d/kernel": np.zeros((5, 5, 2, 9), np.float32)},
            "conv2d/kernel is",
        ),
    ],
)
def test_other_variables_are_refused(tmp_path, four, change, says):
    path = tensorflow_files.archive(tmp_path / "other.tar.gz", change(variables(four[1])))
    with pytest.raises(CheckpointError, match=says) as caught:
        load_unets(path, 4)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def rewrite(path, change):
    index, data = tensorflow_files.bundle({"a": np.ones(4, np.float32)}, 3)
    files = change({"model.index": index, "model.data-00000-of-00001": data})
    with tarfile.open(path, "w:gz") as made:
        for name, content in files.items():
            source = path.with_name("part")
            source.write_bytes(content)
            made.add(source, name)


@pytest.mark.parametrize(
    "change",
    [
        lambda files: {k: v for k, v in files.items() if "data" not in k},
        lambda files: files | {"copy/model.index": files["model.index"]},
        lambda files: files | {"model.index": files["model.index"][:-3]},
        lambda files: files | {"model.index": b"\xff" * 80 + files["model.index"][-48:]},
        lambda files: files | {"model.index": b""},
        lambda files: files | {"model.data-00000-of-00001": b"short"},
    ],
)
def test_damaged_archives_are_one_sentence(tmp_path, change):
    path = tmp_path / "broken.tar.gz"
    rewrite(path, change)
    with pytest.raises(CheckpointError, match=r"broken\.tar\.gz is damaged") as caught:
        load_variables(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "page.tar.gz"
    path.write_text("<html>")
    with pytest.raises(CheckpointError, match="damaged or no archive"):
        load_variables(path)


@pytest.mark.parametrize("places", [(0.2,), (0.5,), (0.8,), (0.3, 0.6)])
@pytest.mark.parametrize("kind", ["gz", "xz"])
def test_a_damaged_stream_is_one_sentence(tmp_path, kind, places):
    path = tmp_path / "broken.tar"
    noise = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    tensorflow_files.archive(path.with_suffix(".tar.gz"), {"a": noise})
    with gzip.open(path.with_suffix(".tar.gz")) as plain:
        packed = bytearray((gzip if kind == "gz" else lzma).compress(plain.read()))
    for place in places:
        start = int(place * len(packed))
        packed[start : start + 64] = bytes(64)
    path.write_bytes(packed)
    with pytest.raises(CheckpointError, match="damaged or no archive"):
        load_variables(path)


def test_a_shape_that_no_number_can_hold_is_one_sentence(tmp_path):
    path = tmp_path / "broken.tar.gz"
    field = tensorflow_files.field
    shape = field(2, field(2, field(1, 2**64 - 1)))
    index = tensorflow_files.table([(b"a", field(1, 1) + shape + field(5, 16))], 1)
    rewrite(path, lambda files: files | {"model.index": index})
    with pytest.raises(CheckpointError, match="damaged or no archive"):
        load_variables(path)
