"""SCNet and Mel-Band RoFormer: true sizes and keys, published formats, strictness, inference."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from stemwise.errors import CheckpointError, ConfigError
from stemwise.models.registry import build, get, named_sets, prepare, resolve
from stemwise.separation.separator import Separator, track_scale

pytest.importorskip("pymss_core")
# the reference class, called directly in these tests; the product silences this for SCNet
pytestmark = pytest.mark.filterwarnings("ignore:A window was not provided")

SMALL = {
    "scnet": {
        "dims": [4, 8, 8, 8],
        "num_dplayer": 2,
        "nfft": 512,
        "hop_size": 128,
        "win_size": 512,
    },
    "melband_roformer_vocals": {"dim": 16, "depth": 1, "num_bands": 16, "dim_head": 8, "heads": 2},
}
SIZES = {"scnet": {"chunk": 8820}, "melband_roformer_vocals": {"chunk": 8820}}
# parameters, tensors, first and last key of the official checkpoints
OFFICIAL = {
    "scnet": (10_578_768, 372, "encoder.0.SDlayer.convs.0.weight"),
    "scnet_large": (42_181_232, 372, "encoder.0.SDlayer.convs.0.weight"),
    "melband_roformer_vocals": (228_202_852, 684, "layers.0.0.layers.0.0.rotary_embed.freqs"),
}
LAST = {
    "scnet": "separation_net.dp_modules.5.norm_layers.1.bias",
    "scnet_large": "separation_net.dp_modules.5.norm_layers.1.bias",
    "melband_roformer_vocals": "mask_estimators.0.to_freqs.59.0.4.bias",
}


def network_of(name: str, **changes: object) -> nn.Module:
    """Build the reference class with the YAML's arguments, weights random but seeded."""
    from pymss_core.modules.bs_roformer import MelBandRoformer
    from pymss_core.modules.scnet import SCNet

    spec = get(name)
    arguments = {**spec.settings["network"], **changes}
    torch.manual_seed(0)
    if name.startswith("scnet"):
        return SCNet(sources=list(spec.stems), **arguments).eval()
    return MelBandRoformer(num_stems=1, **arguments).eval()


def entry(name: str, path: Path, **settings: object) -> dict[str, object]:
    network = {**get(name).settings["network"], **SMALL[name]}
    changed = {"network": network, **SIZES[name], **settings}
    return {"name": "mine", "base": name, "checkpoint": str(path), "settings": changed}


@pytest.mark.slow
@pytest.mark.parametrize("name", OFFICIAL)
def test_the_official_settings_give_the_official_network(name):
    network = network_of(name)
    parameters, tensors, first = OFFICIAL[name]
    assert sum(value.numel() for value in network.parameters()) == parameters
    keys = list(network.state_dict())
    assert (len(keys), keys[0], keys[-1]) == (tensors, first, LAST[name])


@pytest.mark.slow
def test_an_official_file_of_true_size_loads(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    path = tmp_path / "scnet.ckpt"
    torch.save(network_of("scnet").state_dict(), path)
    model = build(prepare(resolve({"name": "mine", "base": "scnet", "checkpoint": str(path)})))
    assert model.stems == ("drums", "bass", "other", "vocals")
    assert model.tiling.settings() == {"tiling": "reflect", "chunk": 485_100, "num_overlap": 4}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("wrap", ["flat", "best_state", "module", "both"])
def test_published_formats_load_and_separate_as_the_reference_class(
    name, wrap, tmp_path, monkeypatch
):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    reference = network_of(name, **SMALL[name])
    state = reference.state_dict()
    if wrap in ("module", "both"):
        state = {f"module.{key}": value for key, value in state.items()}
    path = tmp_path / "weights.ckpt"
    torch.save({"best_state": state, "epoch": 3} if wrap in ("best_state", "both") else state, path)
    model = build(prepare(resolve(entry(name, path))))
    chunks = torch.randn(2, 2, 8820, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = reference(chunks)
        found = model.forward(chunks)
    assert found.shape == (2, len(model.stems), 2, 8820)
    torch.testing.assert_close(found, expected.reshape(found.shape), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", SMALL)
def test_a_whole_track_is_normalised_cut_and_joined(name, tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    reference = network_of(name, **SMALL[name])
    path = tmp_path / "weights.ckpt"
    torch.save(reference.state_dict(), path)
    model = build(prepare(resolve(entry(name, path))))
    mix = 0.1 + 0.2 * torch.randn(2, 8820, generator=torch.Generator().manual_seed(2))
    found = Separator(model, "cpu")(mix.numpy())
    mean, deviation = track_scale(mix.numpy()) if name == "scnet" else (0.0, 1.0)
    # the track is one chunk long: two chunks overlap in MSST's way
    with torch.inference_mode():
        whole = reference(((mix - mean) / deviation)[None]) * deviation + mean
    assert found.shape == (len(model.stems), 2, 8820)
    overlap = 8820 // get(name).settings["num_overlap"]
    # before the second chunk begins, the first one stands alone
    expected = whole.reshape(found.shape)[..., :overlap]
    torch.testing.assert_close(found[..., :overlap], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_a_checkpoint_of_another_size_names_its_keys(name, tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    state = network_of(name, **SMALL[name]).state_dict()
    path = tmp_path / "weights.ckpt"
    first = next(iter(state))
    for change, word in (
        ({key: value for key, value in state.items() if key != first}, "lacks"),
        (state | {"extra.weight": torch.zeros(1)}, "unexpected extra.weight"),
        (state | {first: torch.zeros(7)}, "reshapes"),
    ):
        torch.save(change, path)
        with pytest.raises(CheckpointError, match=word):
            build(prepare(resolve(entry(name, path))))
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="no state dict"):
        build(prepare(resolve(entry(name, path))))


def test_a_chunk_that_is_no_multiple_of_the_hop_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    path = tmp_path / "weights.ckpt"
    torch.save({}, path)
    with pytest.raises(ConfigError, match="hop"):
        build(prepare(resolve(entry("melband_roformer_vocals", path, chunk=8821))))


def test_the_papers_models_are_a_set():
    assert set(named_sets()["paper"]) == {"htdemucs_6s", *OFFICIAL}
    for name in OFFICIAL:
        (checkpoint,) = get(name).checkpoints
        assert checkpoint.url and checkpoint.size and len(checkpoint.sha256 or "") == 64
