"""Models without weights: the floor, fixed bands, and librosa's classical separators."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from stemwise.core.errors import ConfigError, MissingDependencyError
from stemwise.models import registry
from stemwise.models.band_split import BandSplitModel
from stemwise.models.librosa_baselines import HarmonicPercussiveModel, RepetSimModel
from stemwise.separation.separator import Separator

RATE = 44_100
BANDS = {"bass": 200.0, "vocals": 5000.0, "drums": float("inf")}


def load(name):
    if name in {"hpss", "repet_sim"}:
        pytest.importorskip("librosa", reason="the package librosa is not installed")
    return Separator(registry.build(registry.prepare(registry.get(name))), "cpu")


@pytest.fixture(scope="module")
def hpss():
    return load("hpss")


@pytest.fixture(scope="module")
def repet():
    return load("repet_sim")


def noise(length, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, (2, length)).astype(np.float32)


def tone(frequency, seconds=3.0):
    wave = 0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)
    return np.stack([wave, 0.5 * wave]).astype(np.float32)


def clicks(seconds=3.0):
    wave = np.zeros(int(seconds * RATE), np.float32)
    wave[5_000::22_050] = 0.9
    return np.stack([wave, wave])


def energy(signal):
    return float(np.square(np.asarray(signal, np.float64)).sum())


def estimates(separator, mixture):
    found = separator(mixture).numpy()
    assert found.shape == (len(separator.model.stems), *mixture.shape)
    return dict(zip(separator.model.stems, found, strict=True))


@pytest.mark.parametrize("length", [1, 44_100, 1_323_001])
def test_the_mixture_is_returned_for_every_stem(length):
    mixture = noise(length)
    for estimate in estimates(load("mixture"), mixture).values():
        np.testing.assert_allclose(estimate, mixture, atol=1e-7)


@pytest.mark.parametrize("length", [1, 1023, 4096, 300_001])
def test_bands_sum_to_the_mixture(length):
    mixture = noise(length)
    total = sum(estimates(load("band_split"), mixture).values())
    np.testing.assert_allclose(total, mixture, atol=1e-6)


@pytest.mark.parametrize(
    ("frequency", "stem"), [(60, "bass"), (130, "bass"), (1000, "vocals"), (10_000, "drums")]
)
def test_a_tone_belongs_to_its_band(frequency, stem):
    mixture = tone(frequency)
    for name, estimate in estimates(load("band_split"), mixture).items():
        inside = energy(estimate[:, 8192:-8192]) / energy(mixture[:, 8192:-8192])
        assert inside > 0.999 if name == stem else inside < 1e-6


def test_a_tone_at_the_crossover_is_halved_in_phase():
    mixture = tone(200)
    found = estimates(load("band_split"), mixture)
    inside = slice(8192, -8192)
    for name in ("bass", "vocals"):
        np.testing.assert_allclose(found[name][:, inside], 0.5 * mixture[:, inside], atol=0.03)


@pytest.mark.parametrize(
    "bands",
    [
        {"bass": 5000.0, "vocals": 200.0, "drums": float("inf")},
        {"vocals": 200.0, "bass": 5000.0, "drums": float("inf")},
        {"bass": 200.0},
        {},
        {"bass": float("nan"), "vocals": 5000.0, "drums": float("inf")},
        {"bass": -1.0, "vocals": 5000.0, "drums": float("inf")},
    ],
)
def test_bands_that_do_not_fit_are_refused(bands):
    with pytest.raises(ConfigError):
        BandSplitModel(["bass", "vocals", "drums"], bands)


def test_clicks_are_drums_and_a_tone_is_not(hpss):
    steady, hits = tone(440), clicks()
    found = estimates(hpss, steady + hits)
    assert 0.9 < float((found["drums"] * hits).sum()) / energy(hits) < 1.1
    assert energy(steady - found["other"]) / energy(steady) < 0.002
    np.testing.assert_allclose(found["drums"] + found["other"], steady + hits, atol=1e-6)


def test_what_does_not_repeat_is_the_voice(repet):
    """A loop of half a second, and over it a tone that sounds once."""
    random = np.random.default_rng(0)
    loop = np.tile(random.normal(0, 0.1, (2, RATE // 2)), 20).astype(np.float32)
    solo = np.zeros_like(loop)
    solo[:, 4 * RATE : 5 * RATE] = tone(700, 1.0)
    found = estimates(repet, loop + solo)
    during, before = slice(int(4.2 * RATE), int(4.8 * RATE)), slice(RATE, 3 * RATE)
    assert energy(found["vocals"][:, during]) > 0.5 * energy(solo[:, during])
    assert energy(found["vocals"][:, before]) < 0.05 * energy(loop[:, before])
    np.testing.assert_allclose(found["vocals"] + found["instrumental"], loop + solo, atol=1e-5)


def test_nothing_below_the_high_pass_is_voice(repet):
    mixture = noise(4 * RATE) * 0.1
    mixture[:, 2 * RATE : 3 * RATE] += tone(50, 1.0)
    found = estimates(repet, mixture)
    assert energy(found["instrumental"]) > 0.95 * energy(mixture)


@pytest.mark.parametrize("length", [1, 100, 2047, 4097, 8820, 50_000])
@pytest.mark.parametrize("name", ["hpss", "repet"])
def test_short_input_keeps_its_length_and_sum(request, name, length):
    mixture = noise(length)
    found = estimates(request.getfixturevalue(name), mixture)
    np.testing.assert_allclose(sum(found.values()), mixture, atol=1e-5)


@pytest.mark.parametrize("name", ["hpss", "repet"])
def test_silence_stays_silence(request, name):
    separator = request.getfixturevalue(name)
    whole = separator(np.zeros((2, 3 * RATE), np.float32))
    assert not whole.any()
    half = np.concatenate([noise(2 * RATE), np.zeros((2, 3 * RATE), np.float32)], axis=1)
    assert not separator(half)[..., 3 * RATE :].abs().gt(1e-6).any()


@pytest.mark.parametrize("name", ["hpss", "repet"])
def test_the_batch_size_does_not_matter(request, name):
    model = type(request.getfixturevalue(name).model)(["vocals", "other"], chunk_s=1.5)
    mixture = noise(5 * RATE)
    one, three = Separator(model, "cpu", 1)(mixture), Separator(model, "cpu", 3)(mixture)
    torch.testing.assert_close(one, three, atol=1e-6, rtol=0)


@pytest.mark.parametrize("model", [HarmonicPercussiveModel, RepetSimModel])
def test_an_absent_librosa_names_the_extra(model, monkeypatch):
    module = importlib.import_module("stemwise.models.librosa_baselines")
    monkeypatch.setitem(__import__("sys").modules, "librosa", None)
    with pytest.raises(MissingDependencyError, match=r"stemwise\[baselines\]"):
        getattr(module, model.__name__)(["a", "b"])


@pytest.mark.parametrize("setting", [{"chunk_s": 0}, {"chunk_s": -1.0}])
@pytest.mark.parametrize("model", [HarmonicPercussiveModel, RepetSimModel])
def test_impossible_chunks_are_refused(model, setting):
    pytest.importorskip("librosa", reason="the package librosa is not installed")
    with pytest.raises(ConfigError):
        model(["a", "b"], **setting)


@pytest.mark.parametrize("stems", [["drums"], ["drums", "bass", "other"]])
def test_two_stems_are_needed(stems):
    pytest.importorskip("librosa", reason="the package librosa is not installed")
    with pytest.raises(ConfigError, match="2"):
        HarmonicPercussiveModel(stems)


@pytest.mark.parametrize("beyond", [0, 1, 512, 1000, 1023])
@pytest.mark.parametrize("name", ["hpss", "repet_sim"])
def test_the_end_of_a_song_is_no_louder_than_the_song(name, beyond):
    """Its last samples once lay under the tail of one window, and were divided by next to nothing."""
    mixture = noise(4 * RATE // 1024 * 1024 + beyond)
    for stem in estimates(load(name), mixture).values():
        assert np.abs(stem).max() < 2 * np.abs(mixture).max()
