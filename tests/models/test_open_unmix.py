"""Open-Unmix against its package where that is installed, and against plain formulas."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models import registry
from stemwise.models.multichannel_wiener import refine
from stemwise.models.open_unmix import OpenUnmix, OpenUnmixModel, bins_below
from stemwise.separation.separator import Separator

from .reference_inference import off_centre_noise

STEMS = ("vocals", "drums", "bass", "other")
SMALL = {"hidden": 8}
EPSILON = 1e-10


def network(seed=0, **changes):
    torch.manual_seed(seed)
    made = OpenUnmix(**(SMALL | changes)).eval()
    with torch.no_grad():
        for value in made.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
    return made


def published(made):
    """A state dict as umxhq's: the network's own tensors, and what its first version kept beside."""
    window = torch.hann_window(4096)
    extra = {"sample_rate": torch.tensor(44100.0), "stft.window": window}
    return {**made.state_dict(), **extra, "transform.0.window": window}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("umx"), []
    for number, stem in enumerate(STEMS):
        made.append(folder / f"{stem}.pth")
        torch.save(published(network(number)), made[-1])
    return made


def plain_iteration(estimates, mixture):
    """Return one iteration of the filter bin by bin, with numpy's inverse, in float64."""
    out = np.zeros_like(estimates)
    sources, _, bins, frames = estimates.shape
    power = (np.abs(estimates) ** 2).mean(axis=1)
    for b in range(bins):
        spatial = [
            sum(np.outer(y[:, t], y[:, t].conj()) for t in range(frames))
            / (EPSILON + power[j, b].sum())
            for j, y in enumerate(estimates[:, :, b])
        ]
        for t in range(frames):
            parts = [power[j, b, t] * spatial[j] for j in range(sources)]
            inverse = np.linalg.inv(sum(parts) + np.sqrt(EPSILON) * np.eye(2))
            for j in range(sources):
                out[j, :, b, t] = parts[j] @ inverse @ mixture[:, b, t]
    return out


def random_case(seed, sources=3, bins=4, frames=6):
    random = np.random.default_rng(seed)
    mixture = random.normal(size=(2, bins, frames)) + 1j * random.normal(size=(2, bins, frames))
    return np.abs(random.normal(size=(sources, 2, bins, frames))), mixture


@pytest.mark.parametrize(("iterations", "loudness"), [(1, 1.0), (2, 1.0), (1, 500.0)])
def test_the_filter_is_that_of_its_formula(iterations, loudness):
    magnitudes, mixture = random_case(1)
    magnitudes, mixture = loudness * magnitudes, loudness * mixture
    scale = max(1.0, np.abs(mixture).max() / 10)
    expected = magnitudes * mixture / np.abs(mixture) / scale
    for _ in range(iterations):
        expected = plain_iteration(expected, mixture / scale)
    found = refine(torch.from_numpy(magnitudes), torch.from_numpy(mixture), iterations)
    np.testing.assert_allclose(found.numpy(), scale * expected, rtol=1e-7)


@given(st.integers(0, 1000), st.integers(2, 4))
def test_refined_estimates_sum_to_the_mixture(seed, sources):
    magnitudes, mixture = random_case(seed, sources, bins=2, frames=3)
    found = refine(torch.from_numpy(magnitudes), torch.from_numpy(mixture)).numpy()
    np.testing.assert_allclose(found.sum(axis=0), mixture, atol=0.02 * np.abs(mixture).max())


def test_without_iterations_the_mixtures_phase_is_kept_and_silence_is_no_trouble():
    magnitudes, mixture = random_case(2)
    mixture[:, 0] = 0
    found = refine(torch.from_numpy(magnitudes), torch.from_numpy(mixture), 0).numpy()
    phase = mixture[:, 1:] / np.abs(mixture[:, 1:])
    np.testing.assert_allclose(found[:, :, 0], magnitudes[:, :, 0])
    np.testing.assert_allclose(found[:, :, 1:], magnitudes[:, :, 1:] * phase)
    silence = torch.zeros(2, 3, 4, dtype=torch.complex64)
    assert not refine(torch.zeros(2, 2, 3, 4), silence).any()


@torch.inference_mode()
def whole_track(mixture, networks):
    """Open-Unmix as published: torch's transforms over the track, and the filter per 300 frames."""
    window = torch.hann_window(4096)
    audio = torch.from_numpy(mixture)
    spectra = torch.stft(audio, 4096, 1024, window=window, return_complex=True)
    targets = torch.stack([one(spectra.abs()) for one in networks])
    pairs = zip(targets.split(300, dim=-1), spectra.split(300, dim=-1), strict=True)
    refined = torch.cat([refine(*pair) for pair in pairs], dim=-1)
    flat = torch.istft(refined.flatten(0, 1), 4096, 1024, window=window, length=audio.shape[1])
    return flat.reshape(len(networks), 2, -1)


# fewer frames than the filter takes at once, and more
@pytest.mark.parametrize("length", [2049, 40_000, 310 * 1024 + 17])
def test_a_track_is_heard_as_a_whole(paths, length):
    mixture = off_centre_noise(length)
    found = Separator(OpenUnmixModel(paths, STEMS, SMALL), "cpu")(mixture)
    expected = whole_track(mixture, [network(number) for number in range(4)])
    assert float(expected.std(dim=(1, 2)).min()) > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("length", [1, 2048])
def test_what_is_too_short_to_be_reflected_is_separated(paths, length):
    found = Separator(OpenUnmixModel(paths, STEMS, SMALL), "cpu")(off_centre_noise(length))
    assert found.shape == (4, 2, length) and found.isfinite().all()


def test_a_longer_track_is_heard_in_stretches_with_seams(paths):
    model = OpenUnmixModel(paths, STEMS, SMALL, chunk_s=40)
    spans = [(t.start, t.stop) for t in model.tiling.tiles(90 * 44_100)]
    assert spans == [(n * 44_100, min(n + 40, 90) * 44_100) for n in (0, 30, 60)]
    assert len(list(model.tiling.tiles(40 * 44_100))) == 1


def test_the_package_computes_the_same(paths, monkeypatch):
    if "torchaudio" not in sys.modules:
        monkeypatch.setitem(sys.modules, "torchaudio", ModuleType("torchaudio"))  # for files only
    package = pytest.importorskip("openunmix.model")
    theirs = {}
    for stem, path in zip(STEMS, paths, strict=True):
        theirs[stem] = package.OpenUnmix(nb_bins=2049, hidden_size=8, max_bin=1487).eval()
        theirs[stem].load_state_dict(torch.load(path), strict=False)
    mixture = off_centre_noise(330 * 1024)
    with torch.inference_mode():
        expected = package.Separator(theirs, niter=1)(torch.from_numpy(mixture)[None])[0]
    found = Separator(OpenUnmixModel(paths, STEMS, SMALL), "cpu")(mixture)
    noise = (found - expected).square().sum()
    assert 10 * torch.log10(expected.square().sum() / noise) > 100


@pytest.mark.parametrize(("name", "hidden"), [("umxhq", 512), ("umxl", 1024)])
def test_the_zoo_names_files_of_the_networks_size(name, hidden):
    spec = registry.get(name)
    with torch.device("meta"):
        made = OpenUnmix(**spec.settings["network"])
    state = made.state_dict()
    assert len(state) == 4 + 3 + 3 * 5 + 3 * 8 and bins_below(16_000) == 1487
    assert state["fc1.weight"].shape == (hidden, 2974)
    assert state["fc3.weight"].shape == (4098, hidden)
    assert 4 * sum(value.numel() for value in made.parameters()) == spec.parameters
    for stem, item in zip(spec.stems, spec.checkpoints, strict=True):
        assert item.filename == f"{stem}-{item.sha256[:8]}.pth"
        assert item.url.startswith("https://zenodo.org/records/")
        if item.size is not None:
            numbers = sum(value.numel() for value in state.values()) + 4096  # and the window
            assert item.size == pytest.approx(4 * numbers, rel=5e-4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: {**state, "sample_rate": torch.tensor(16000.0)}, "trained at 16000 Hz"),
        (lambda state: {k: v for k, v in state.items() if k != "fc1.weight"}, "lacks fc1.weight"),
        (lambda state: {**state, "more": torch.zeros(1)}, "has unexpected more"),
        (lambda state: {**state, "fc2.weight": torch.zeros(2, 2)}, "reshapes fc2.weight"),
        (lambda state: [1], "no state dict"),
    ],
)
def test_other_files_are_refused(tmp_path, paths, change, says):
    path = tmp_path / "other.pth"
    torch.save(change(published(network())), path)
    with pytest.raises(CheckpointError, match=says) as caught:
        OpenUnmixModel([*paths[:3], path], STEMS, SMALL)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stems": STEMS[:3]}, "4 files, 3 stems"),
        ({"chunk_s": 20}, "more than 20 s"),
        ({"iterations": -1}, "two stems or more"),
        ({"network": {"hidden": -1}}, "cannot be built"),
        ({"network": {"wide": 1}}, "cannot be built"),
    ],
)
def test_settings_that_cannot_be_are_refused(paths, change, says):
    with pytest.raises(ConfigError, match=says):
        OpenUnmixModel(**({"checkpoint": paths, "stems": STEMS, "network": SMALL} | change))


def test_one_stem_alone_is_not_filtered(paths):
    with pytest.raises(ConfigError, match="two stems or more"):
        OpenUnmixModel(paths[0], STEMS[:1], SMALL)
    mixture = off_centre_noise(5000)
    model = OpenUnmixModel(paths[0], STEMS[:1], SMALL, iterations=0)
    assert Separator(model, "cpu")(mixture).shape == (1, 2, 5000)
