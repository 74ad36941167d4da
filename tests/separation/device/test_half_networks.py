"""Networks of every family in half precision: spectra stay float32, and so does what comes out."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from stemwise.models.bs_roformer import BsRoformerModel
from stemwise.models.demucs import DemucsModel, save_package
from stemwise.models.fast import layout, roformer
from stemwise.models.mel_band_roformer import MelBandRoformerModel
from stemwise.models.scnet import ScnetModel
from stemwise.separation.device.auto_precision import agreement
from stemwise.separation.device.precision import InversesThatDoNotWait
from stemwise.separation.separator import Separator

from ...models.tiny_networks import SCNET

STFT = {"stft_n_fft": 512, "stft_hop_length": 128, "stft_win_length": 512}
ROFORMER = {"dim": 16, "depth": 1, "stereo": True, "dim_head": 8, "heads": 2, **STFT}
MSST = {
    "scnet": (
        ScnetModel,
        SCNET,
    ),
    "mel_band_roformer": (
        MelBandRoformerModel,
        {"num_bands": 8, "mlp_hidden_layers": 2, "zero_dc": False, **ROFORMER},
    ),
    "bs_roformer": (
        BsRoformerModel,
        {"freqs_per_bands": (2,) * 20 + (20,) * 5 + (117,), **ROFORMER},
    ),
}
DEMUCS = {
    "HTDemucs": {"channels": 8, "depth": 4, "t_layers": 1, "t_heads": 2, "nfft": 1024},
    "HDemucs": {"channels": 4, "depth": 6},
}
SPECTRAL = {"stft", "istft", "view_as_complex", "complex", "polar", "fft_rfft", "fft_irfft"}
HALVES = (torch.bfloat16, torch.float16, torch.complex32)


def model(name, path):
    """Return a tiny one of a family, from a checkpoint of random weights."""
    torch.manual_seed(0)
    if name in DEMUCS:
        settings = {"klass": name, "segment": 0.25, **DEMUCS[name]}
        save_package(DemucsModel.untrained(["a", "b"], settings), path / "x.safetensors", {})
        return DemucsModel(path / "x.safetensors")
    family, network = MSST[name]
    torch.save(family.untrained(["a", "b"], network).state_dict(), path / "x.ckpt")
    return family(path / "x.ckpt", ["a", "b"], network, chunk=8192)


class Watch(TorchFunctionMode):
    """Counts transforms and products, and refuses half precision in the former."""

    def __init__(self):
        super().__init__()
        self.spectral = self.halves = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        given = [item.dtype for item in (*args, made) if isinstance(item, torch.Tensor)]
        if getattr(func, "__name__", "") in SPECTRAL:
            self.spectral += 1
            assert not set(given) & set(HALVES), (func, given)
        assert torch.complex32 not in given
        self.halves += torch.bfloat16 in given
        return made


@pytest.mark.parametrize("name", [*MSST, *DEMUCS])
@pytest.mark.filterwarnings("ignore:A window was not provided")
def test_spectra_and_estimates_are_float32(name, tmp_path):
    made = model(name, tmp_path)
    chunks = 0.1 * torch.randn(1, 2, made.tiling.chunk, generator=torch.Generator().manual_seed(1))
    separators = [Separator(made, "cpu", precision=word) for word in ("fp32", "bf16")]
    with torch.inference_mode():
        expected = separators[0].run(chunks)
        with Watch() as watch:
            found = separators[1].run(chunks)
    assert found.dtype == torch.float32 and watch.spectral >= 2 and watch.halves > 10
    assert agreement(expected.double(), found.double()) > 35


def test_a_whole_track_goes_through(tmp_path):
    made = model("mel_band_roformer", tmp_path)
    mixture = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 20_000)).astype(np.float32)
    expected, found = (Separator(made, "cpu", precision=word)(mixture) for word in ("fp32", "bf16"))
    assert found.dtype == torch.float32
    assert agreement(expected.double(), found.double()) > 35


class Elsewhere(TorchFunctionMode):
    """Refuses tensors of the CPU among those of another device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for item in (*args, made):
            assert not isinstance(item, torch.Tensor) or item.is_meta or item.ndim == 0, func
        return made


@pytest.mark.parametrize("name", MSST)
def test_no_pass_waits_for_its_device(name, monkeypatch):
    """On the device `meta` there are no numbers to wait for, so a CUDA graph may hold the pass."""
    family, settings = MSST[name]
    network = family.untrained(["a", "b"], settings).eval()
    if name == "mel_band_roformer":  # looks at its bands' bins once, when it is made
        starts = roformer._starts(network, network.band_split.dim_inputs, True)
        monkeypatch.setattr(roformer, "_starts", lambda *_: starts)
    monkeypatch.setattr(layout, "_DEVICES", ("meta",))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # unknown to `meta`
    run = family.fast(network.to("meta"))
    assert run is not network
    with torch.inference_mode(), InversesThatDoNotWait(), Elsewhere():
        made = run(torch.zeros(2, 2, 8192, device="meta"))
    assert made.is_meta and made.shape == (2, 2, 2, 8192)
