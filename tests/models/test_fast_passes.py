"""Our own passes over the networks of pymss-core equal the package's, weight by weight."""

from __future__ import annotations

import logging

import pytest
import torch

from stemwise.models.fast import convolutions, transformer
from stemwise.models.fast.roformer import FastRoformer, roformer_pass
from stemwise.models.fast.scnet import FastScnet, scnet_pass

pytest.importorskip("pymss_core")
from pymss_core.modules.bs_roformer import BSRoformer, MelBandRoformer
from pymss_core.modules.scnet import SCNet
from pymss_core.runtime_cache import clear_model_runtime_caches

# the package's class, called directly
pytestmark = pytest.mark.filterwarnings("ignore:A window was not provided")

STFT = {"stft_n_fft": 256, "stft_hop_length": 64, "stft_win_length": 256}
SMALL = {"dim": 12, "depth": 2, "dim_head": 8, "heads": 2, "stereo": True, **STFT}
AXES = {"time_transformer_depth": 1, "freq_transformer_depth": 1}
BANDS = {"freqs_per_bands": (2, 2, 2, 3, 8, 16, 32, 64)}
MEL = {**SMALL, **AXES, "num_bands": 8, "mlp_hidden_layers": 2, "zero_dc": False}
BS = {**SMALL, **AXES, **BANDS}
SC = {"dims": [4, 8, 8, 12], "nfft": 256, "hop_size": 64, "win_size": 256, "num_dplayer": 2}
NETWORKS = {
    "mel": (MelBandRoformer, MEL),
    "mel, mono, one hidden layer, deeper": (
        MelBandRoformer,
        MEL
        | {"stereo": False, "mlp_hidden_layers": 1, "time_transformer_depth": 2, "num_bands": 6},
    ),
    "mel, four stems, zero_dc, skips": (
        MelBandRoformer,
        MEL | {"num_stems": 4, "zero_dc": True, "skip_connection": True},
    ),
    "mel, plain attention, length kept": (
        MelBandRoformer,
        MEL | {"flash_attn": False, "match_input_audio_length": True, "mask_estimator_depth": 3},
    ),
    "mel, overlapping wide bands": (MelBandRoformer, MEL | {"num_bands": 5, "norm_output": False}),
    "bs": (BSRoformer, BS),
    "bs, four stems": (BSRoformer, BS | {"num_stems": 4, "mask_estimator_depth": 1}),
    "bs, shared bias, skips, normalised": (
        BSRoformer,
        BS
        | {"use_shared_bias": True, "skip_connection": True, "stft_normalized": True}
        | {"norm_output": True, "zero_dc": True, "freq_transformer_depth": 2},
    ),
    "scnet": (SCNet, SC),
    "scnet, plain STFT, wider": (
        SCNet,
        SC | {"normalized": False, "expand": 2, "num_dplayer": 4, "band_SR": [0.225, 0.372, 0.403]},
    ),
    "scnet, mono, two stems": (
        SCNet,
        SC | {"dims": [2, 4, 8], "audio_channels": 1, "sources": ["a", "b"], "conv_kernel": 5},
    ),
}


# with as few parameters as show all kinds of them
FEW = {
    "mel": {"depth": 1, "num_bands": 3},
    "bs": {"depth": 1, "freqs_per_bands": (1, 64, 64)},
    "scnet": {"dims": [4, 8, 8], "conv_depths": [1, 1, 1]},
}


def network_of(name, **changes):
    """Return a seeded network none of whose parameters has the value that it starts with."""
    kind, arguments = NETWORKS[name]
    torch.manual_seed(0)
    made = kind(**(arguments | changes)).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return made


def pass_of(network):
    made = scnet_pass(network) if isinstance(network, SCNet) else roformer_pass(network)
    assert made is not network
    return made


def noise(network, batch, length):
    mono = getattr(network, "audio_channels", 2) == 1
    return torch.randn(batch, 1 if mono else 2, length, generator=torch.Generator().manual_seed(1))


def assert_equal(found, expected):
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_pass_equals_the_packages(name):
    network = network_of(name)
    run = pass_of(network)
    for batch, length in ((1, 64 * 20), (3, 64 * 9 + 5)):
        audio = noise(network, batch, length)
        kept = audio.clone()
        with torch.inference_mode():
            assert_equal(run(audio), network(audio))
        assert torch.equal(audio, kept)


@pytest.mark.parametrize("name", ["mel", "bs", "scnet"])
@pytest.mark.parametrize("size", [1, 100])
def test_what_passes_at_a_time_changes_nothing(name, size, monkeypatch):
    network = network_of(name)
    audio = noise(network, 2, 64 * 20)
    monkeypatch.setattr(transformer, "_ROWS", size)
    monkeypatch.setattr(convolutions, "_BLOCK", size)
    with torch.inference_mode():
        assert_equal(pass_of(network)(audio), network(audio))


@pytest.mark.parametrize("name", ["mel", "bs", "scnet"])
def test_every_parameter_is_heard(name):
    """A parameter that changes alone changes both passes alike, and by more than their difference."""
    network = network_of(name, **FEW[name])
    audio = noise(network, 1, 64 * 4)
    with torch.inference_mode():
        before = network(audio)
        for key, value in network.named_parameters():
            # not by the same everywhere, which a standardisation behind it would undo
            value.add_(by := 0.3 * torch.randn_like(value))
            clear_model_runtime_caches(network)
            expected = network(audio)
            change = float((expected - before).abs().max())
            error = float((pass_of(network)(audio) - expected).abs().max())
            assert error < 0.01 * change, key
            value.sub_(by)


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("mel", {"conformer": True}, "Conformer"),
        ("bs", {"use_pope": True}, "rotary"),
    ],
)
def test_a_network_of_an_unknown_layout_runs_its_own_pass(name, changes, says, caplog):
    network = network_of(name, **changes)
    with caplog.at_level(logging.DEBUG, "stemwise.models.fast"):
        assert roformer_pass(network) is network
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG and says in record.getMessage()


def test_subclasses_and_networks_in_training_run_their_own_pass():
    class Other(SCNet):
        pass

    assert scnet_pass(other := Other(**SC).eval()) is other
    assert scnet_pass(training := SCNet(**SC).train()) is training
    torch.manual_seed(0)
    network = network_of("scnet")
    network.separation_net.dp_modules[0].lstm_layers[0] = torch.nn.GRU(12, 12, batch_first=True)
    assert scnet_pass(network) is network


@pytest.mark.parametrize("name", ["mel", "bs", "scnet"])
def test_half_precision_is_as_close_as_the_packages_own(name):
    network = network_of(name)
    audio = noise(network, 1, 64 * 20)
    with torch.inference_mode():
        exact = network(audio)
        with torch.autocast("cpu", torch.bfloat16):
            found = pass_of(network)(audio)
    assert found.dtype == torch.float32
    assert float((found - exact).square().sum() / exact.square().sum()) < 1e-2


def test_the_fast_classes_are_those_that_the_zoo_runs():
    from stemwise.models.bs_roformer import BsRoformerModel
    from stemwise.models.mel_band_roformer import MelBandRoformerModel
    from stemwise.models.scnet import ScnetModel

    made = (
        (ScnetModel, "scnet", FastScnet),
        (MelBandRoformerModel, "mel", FastRoformer),
        (BsRoformerModel, "bs", FastRoformer),
    )
    for model, name, fast in made:
        run = model.fast(network_of(name))
        assert isinstance(run.__wrapped__, fast)
