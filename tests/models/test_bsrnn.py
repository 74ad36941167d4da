"""BSRNN: its bands, its mask arithmetic in closed form, its size, and its checkpoints."""

from __future__ import annotations

import pytest
import torch

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models.bsrnn import BANDS, Bsrnn, band_widths
from stemwise.models.registry import build, get, prepare, resolve
from stemwise.separation.separator import Separator

from .reference_inference import msst_separate, off_centre_noise

SMALL = {"bands": [[4000, 1000], [12000, 4000]], "features": 8, "layers": 2, "n_fft": 512}
SMALL |= {"hop": 128}


@pytest.fixture(autouse=True)
def _own_home(home):
    """Digests of checkpoints are recorded in a folder of the test's own."""


@pytest.mark.parametrize(
    ("scheme", "count"), [("vocals", 41), ("other", 41), ("bass", 30), ("drums", 55)]
)
@pytest.mark.parametrize("n_fft", [2048, 4096])
def test_bands_cover_every_bin_once(scheme, count, n_fft):
    widths = band_widths(scheme, n_fft)
    assert (len(widths), sum(widths)) == (count, n_fft // 2 + 1)
    assert min(widths) >= 1


def test_a_bin_belongs_to_the_band_in_which_its_centre_lies():
    widths = band_widths("vocals", 2048)
    frequencies = torch.arange(1025) * 44_100 / 2048
    tops = [*range(100, 1001, 100), *range(1250, 4001, 250), *range(4500, 8001, 500)]
    tops += [*range(9000, 16_001, 1000), 18_000, 20_000]
    start = 0
    for width, low, top in zip(widths, [-1, *tops], [*tops, 22_050], strict=True):
        inside = (frequencies > low) & (frequencies <= top)
        assert inside.nonzero().flatten().tolist() == list(range(start, start + width))
        start += width


@pytest.mark.parametrize(
    ("bands", "says"),
    [("piano", "vocals, bass"), ([(100, 5)], "narrower"), ([(30_000, 9000)], "beyond")],
)
def test_bands_that_cannot_be_are_refused(bands, says):
    with pytest.raises(ConfigError, match=says):
        band_widths(bands, 2048)


def force_masks(network: Bsrnn, real: float, imaginary: float) -> None:
    """Make every mask the same number: the last layer ignores its input, its gates are open."""
    for layer in network.mask:
        linear = layer[3]
        torch.nn.init.zeros_(linear.weight)
        size = linear.bias.numel() // 2
        values = torch.tensor([real, imaginary]).repeat(size // 2)
        linear.bias.data = torch.cat([values, torch.full((size,), 60.0)])


@pytest.mark.parametrize("stereo", [False, True])
@pytest.mark.parametrize("length", [511, 4000, 4001])
def test_masks_of_one_give_the_mixture_and_others_scale_it(stereo, length):
    network = Bsrnn(**SMALL, stereo=stereo).eval()
    mixture = torch.randn(3, 2, length)
    with torch.inference_mode():
        force_masks(network, 1.0, 0.0)
        torch.testing.assert_close(network(mixture), mixture, rtol=0, atol=1e-5)
        force_masks(network, -0.5, 0.0)
        torch.testing.assert_close(network(mixture), -0.5 * mixture, rtol=0, atol=1e-5)
        force_masks(network, 0.0, 1.0)  # a quarter turn: the Hilbert transform, orthogonal to it
        turned = network(mixture)
    inner = slice(256, -256) if length > 2000 else slice(None)
    share = (turned * mixture)[..., inner].sum() / (mixture[..., inner] ** 2).sum()
    assert abs(float(share)) < 0.1
    assert turned.abs().max() > 0.5


def test_a_bands_mask_acts_on_its_own_frequencies_and_channel():
    """The masks are laid out as the spectra are: 1 below 4 kHz on the left, 0 elsewhere."""
    network = Bsrnn(**SMALL, stereo=True).eval()
    force_masks(network, 0.0, 0.0)
    for layer, width in zip(network.mask[:4], network.widths, strict=False):
        linear = layer[3]
        left = torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(width)  # bins × channels × (real, imag)
        linear.bias.data[: len(left)] = left
    time = torch.arange(44_100) / 44_100
    low, high = torch.sin(6.2832 * 1000 * time), torch.sin(6.2832 * 9000 * time)
    with torch.inference_mode():
        out = network(torch.stack([low + high, low + high])[None])[0]
    inner = slice(512, -512)  # reflection bends the tones at both ends
    torch.testing.assert_close(out[0, inner], low[inner], rtol=0, atol=2e-3)
    assert out[1].abs().max() < 1e-6


def test_mono_networks_treat_channels_alike_and_apart():
    network = Bsrnn(**SMALL).eval()
    mixture = torch.randn(1, 2, 3000)
    with torch.inference_mode():
        swapped = network(mixture.flip(1)).flip(1)
        torch.testing.assert_close(network(mixture), swapped, rtol=1e-4, atol=1e-5)
        alone = network(torch.stack([mixture[:, 0], torch.zeros(1, 3000)], dim=1))
        torch.testing.assert_close(network(mixture)[:, 0], alone[:, 0], rtol=1e-4, atol=1e-5)


def test_the_layers_see_all_of_time_and_all_bands():
    """A click at the end changes the mask at the start: the recurrence is bidirectional."""
    torch.manual_seed(0)
    network = Bsrnn(**SMALL).eval()
    mixture = torch.randn(1, 2, 4000)
    changed = mixture.clone()
    changed[..., -200:] += 1
    with torch.inference_mode():
        assert (network(mixture) - network(changed))[..., :1000].abs().max() > 1e-6


def expected_parameters(widths: tuple[int, ...], channels: int, features: int, layers: int) -> int:
    """Count by the formulas of the paper's layers (a BLSTM has 8·H·(N + H + 2) with H = 2N)."""
    hidden = 2 * features
    layer = 2 * features + 8 * hidden * (features + hidden + 2) + (2 * hidden + 1) * features
    sizes = [2 * channels * width for width in widths]
    split = sum(2 * size + (size + 1) * features for size in sizes)
    mask = sum(
        2 * features + (features + 1) * 4 * features + (4 * features + 1) * 2 * size
        for size in sizes
    )
    return split + 2 * layers * layer + mask


@pytest.mark.parametrize(("channels", "total"), [(1, 25_648_264), (2, 28_018_064)])
def test_the_papers_size(channels, total):
    network = Bsrnn(**get("bsrnn").settings["network"] | {"stereo": channels == 2})
    count = sum(value.numel() for value in network.parameters())
    assert count == expected_parameters(band_widths("vocals", 2048), channels, 128, 12) == total


def test_an_own_checkpoint_separates_as_its_network(tmp_path):
    torch.manual_seed(0)
    network = Bsrnn(**SMALL).eval()
    path = tmp_path / "mine.ckpt"
    torch.save({"state_dict": network.state_dict()}, path)
    settings = {"network": SMALL, "chunk": 4410, "num_overlap": 2}
    entry = {"name": "mine", "base": "bsrnn", "checkpoint": str(path), "settings": settings}
    mixture = off_centre_noise(9000)
    found = Separator(build(prepare(resolve(entry))), "cpu")(mixture)
    expected = msst_separate(network, mixture, 4410, 2, normalize=False).float()
    torch.testing.assert_close(found, expected.reshape(1, 2, 9000), rtol=1e-4, atol=1e-6)
    with pytest.raises(ConfigError, match="one stem"):
        build(prepare(resolve(entry | {"stems": ["vocals", "drums"]})))
    settings["network"] = SMALL | {"layers": 3}
    with pytest.raises(CheckpointError, match=r"lacks along_time\.2"):
        build(prepare(resolve(entry)))


def test_it_says_that_it_needs_a_checkpoint():
    assert set(BANDS) == {"vocals", "bass", "drums", "other"}
    with pytest.raises(ConfigError, match="needs a file"):
        build(prepare(resolve("bsrnn")))
