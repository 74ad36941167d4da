"""Community models by name: their networks are those of the published files, which open strictly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models.larsnet import BINS, FRAMES, HOP, N_FFT, LarsUNet
from stemwise.models.registry import build, get, model_class, prepare, resolve
from stemwise.separation.separator import Separator

from .reference_inference import msst_separate, off_centre_noise

pytest.importorskip("pymss_core")


@dataclass(frozen=True)
class Known:
    """Tensors, first and last key of the network that a public configuration describes."""

    tensors: int
    first: str
    last: str


KNOWN = {
    "bs_roformer_sw": Known(
        1939,
        "layers.0.0.layers.0.0.rotary_embed.freqs",
        "mask_estimators.5.to_freqs.61.0.2.bias",
    ),
    "scnet_xl_ihf": Known(
        510,
        "encoder.0.SDlayer.convs.0.weight",
        "separation_net.dp_modules.7.norm_layers.1.bias",
    ),
    "mdx23c_instvoc_hq": Known(319, "first_conv.weight", "final_conv.2.weight"),
    "mdx23c_drumsep": Known(319, "first_conv.weight", "final_conv.2.weight"),
}
# The same networks, small enough to be run.
SMALL: dict[str, dict[str, Any]] = {
    "bs_roformer_sw": {
        "dim": 16,
        "depth": 1,
        "dim_head": 8,
        "heads": 2,
        "freqs_per_bands": [400, 625],
    },
    "scnet_xl_ihf": {"dims": [4, 8, 8, 8], "num_dplayer": 2, "nfft": 512, "hop_size": 128},
    "mdx23c_instvoc_hq": {"num_scales": 2, "num_channels": 8, "growth": 4, "n_fft": 512},
    "mdx23c_drumsep": {"num_scales": 2, "num_channels": 8, "growth": 4, "n_fft": 512},
}
for _changes in (SMALL["mdx23c_instvoc_hq"], SMALL["mdx23c_drumsep"]):
    _changes.update({"hop_length": 128, "dim_f": 224, "num_blocks_per_scale": 1})
SMALL["scnet_xl_ihf"]["win_size"] = 512
CHUNK = 128 * 31


@pytest.fixture(autouse=True)
def _own_home(home):
    """Digests of checkpoints are recorded in a folder of the test's own."""


def network_of(name: str, **changes: Any) -> nn.Module:
    spec = get(name)
    made: nn.Module = model_class(spec).untrained(spec.stems, spec.settings["network"] | changes)
    return made.eval()


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n == "bs_roformer_sw" else n for n in KNOWN],
)
def test_the_network_has_the_size_of_its_published_file(name):
    spec, known = get(name), KNOWN[name]
    with torch.device("meta"):
        network = network_of(name)
    state = network.state_dict()
    assert sum(value.numel() for value in network.parameters()) == spec.parameters
    assert (len(state), *list(state)[:: len(state) - 1]) == (known.tensors, known.first, known.last)
    size = sum(value.numel() * value.element_size() for value in state.values())
    (file,) = spec.checkpoints
    # names and a record for each tensor come on top
    assert 0 < file.size - size < 1000 * known.tensors


def small(name: str, tmp_path, **entry: Any):
    """Return a small network and its model, from a file in the published format (a flat state dict)."""
    torch.manual_seed(0)
    network = network_of(name, **SMALL[name])
    path = tmp_path / f"{name}.ckpt"
    torch.save(network.state_dict(), path)
    settings = {"network": dict(get(name).settings["network"]) | SMALL[name], "chunk": CHUNK}
    entry = {"name": "mine", "base": name, "checkpoint": str(path), "settings": settings} | entry
    return network, build(prepare(resolve(entry)))


@pytest.mark.filterwarnings("ignore:A window was not provided")
@pytest.mark.parametrize("name", KNOWN)
def test_a_file_of_the_published_format_is_separated_as_msst_does(name, tmp_path):
    network, model = small(name, tmp_path)
    mixture = off_centre_noise(9000)
    found = Separator(model, "cpu")(mixture)
    overlap = get(name).settings["num_overlap"]
    expected = msst_separate(network, mixture, CHUNK, overlap, normalize=False).float()
    assert model.stems == get(name).stems and len(found) == len(model.stems)
    if name == "mdx23c_drumsep":
        expected = torch.cat([expected[:4], expected[4:].sum(dim=0, keepdim=True)])
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert expected.abs().max() > 1e-3


@pytest.mark.parametrize("name", KNOWN)
def test_a_file_of_another_network_is_refused_by_its_keys(name, tmp_path):
    path = tmp_path / "other.ckpt"
    torch.save({"first_conv.bias": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="another architecture"):
        small(name, tmp_path, checkpoint=str(path))


def test_the_drum_separator_gives_all_six_to_an_entry_that_names_them(tmp_path):
    six = ["kick", "snare", "toms", "hihat", "ride", "crash"]
    _, five = small("mdx23c_drumsep", tmp_path)
    _, all_six = small("mdx23c_drumsep", tmp_path, stems=six)
    noise = torch.from_numpy(off_centre_noise(CHUNK))[None]
    with torch.inference_mode():
        summed, apart = five.forward(noise), all_six.forward(noise)
    assert torch.equal(summed[:, :4], apart[:, :4])
    assert torch.equal(summed[:, 4], apart[:, 4] + apart[:, 5])
    with pytest.raises(ConfigError, match="makes no 'cowbell'"):
        small("mdx23c_drumsep", tmp_path, stems=["cowbell"])


def lars(tmp_path, files_of: list[str], **entry: Any):
    """Return U-Nets with random weights, and the model of their files in the published format."""
    torch.manual_seed(1)
    networks, files = [], []
    for stem in files_of:
        network = LarsUNet().eval()
        files.append(tmp_path / f"pretrained_{stem}_unet.pth")
        optimiser = torch.optim.Adam(network.parameters()).state_dict()
        content = {"epoch": 22, "model_state_dict": network.state_dict()}
        torch.save(content | {"optimizer_state_dict": optimiser, "loss": 0.1}, files[-1])
        networks.append(network)
    made = {"name": "mine", "base": "larsnet", "checkpoint": list(map(str, files))}
    made["stems"] = files_of
    return networks, build(prepare(resolve(made | entry)))


def test_larsnets_unet_has_the_keys_of_its_published_files():
    with torch.device("meta"):
        network = LarsUNet()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert len(shapes) == 91 and shapes["input_norm.running_mean"] == (2048,)
    assert shapes["enc1.conv.weight"] == (16, 2, 5, 5) and shapes["enc6.bn.weight"] == (512,)
    assert shapes["dec1.conv_trans.weight"] == (512, 256, 5, 5)
    assert shapes["dec2.conv_trans.weight"] == (512, 128, 5, 5)
    assert shapes["dec6.conv_trans.weight"] == (32, 2, 5, 5)
    assert shapes["mask_layer.0.weight"] == (2, 2, 4, 4)
    parameters = sum(value.numel() for value in network.parameters())
    assert get("larsnet").parameters == 5 * parameters
    # with both moments of Adam, five such files are the 562 MB that their authors state (of 2^20 bytes)
    assert 5 * 3 * 4 * parameters / 2**20 == pytest.approx(562, abs=1)


def test_larsnet_equals_one_stft_of_the_whole_track(tmp_path):
    (network,), model = lars(tmp_path, ["kick"])
    length = 520 * HOP  # more than the 512 frames of a group
    track = torch.from_numpy(off_centre_noise(length))
    found = Separator(model, "cpu")(track.numpy())
    stft = {"n_fft": N_FFT, "hop_length": HOP, "window": torch.hann_window(N_FFT)}
    # silence behind the track up to a whole number of groups
    heard = nn.functional.pad(track, (0, 2 * FRAMES * HOP - HOP - length))
    spectra = torch.stft(heard, **stft, pad_mode="constant", return_complex=True)
    with torch.inference_mode():
        groups = spectra[:, :BINS].abs().split(FRAMES, dim=2)
        masks = torch.cat([network(group[None])[0] for group in groups], dim=2)
    masks = nn.functional.pad(masks, (0, 0, 0, 1))
    expected = torch.istft(spectra * masks, **stft)[:, :length]
    assert found.shape == (1, 2, length) and spectra.shape[2] == 2 * FRAMES
    assert (found[0] - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_larsnet_asks_for_one_file_per_stem_and_says_which_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match="1 files, 2 stems"):
        lars(tmp_path, ["kick"], stems=["kick", "snare"])
    with pytest.raises(ConfigError, match="needs a file"):
        build(prepare(get("larsnet")))
    wrong = tmp_path / "wrong.pth"
    torch.save({"model_state_dict": {"enc1.conv.weight": torch.zeros(1)}}, wrong)
    with pytest.raises(
        CheckpointError, match=r"wrong\.pth is of another architecture than LarsUNet"
    ):
        lars(tmp_path, ["kick"], checkpoint=[str(wrong)])
