"""The scores of metric.extra in closed form, and against torch.stft and librosa's mel bands."""

import math
import sys
import types

import numpy as np
import pytest
import torch

from stemwise.core.errors import ConfigError, MissingDependencyError
from stemwise.evaluation.settings import MetricSettings
from stemwise.measurement.extra_metrics import extra_scores
from stemwise.measurement.spectral_metrics import bleedless_fullness, l1_freq, mel_bands
from stemwise.storage.tables import EXTRA_METRICS

SPECTRAL = ("bleedless", "fullness", "l1_freq")


def test_a_perfect_estimate_has_100(music):
    x = music(30_000)
    assert extra_scores(SPECTRAL, x, x.copy(), x) == dict.fromkeys(SPECTRAL, 100.0)


@pytest.mark.parametrize("gain", [0.25, 0.5, 2.0])
def test_a_gain_is_a_difference_of_decibels(noise, gain):
    """Everywhere the same; too loud counts as bleed, too quiet as missing."""
    x = noise(30_000)
    change = 100 / (1 + abs(20 * math.log10(gain)))
    bleedless, fullness = bleedless_fullness(x, np.float32(gain) * x)
    assert bleedless == pytest.approx(change if gain > 1 else 100, rel=1e-9)
    assert fullness == pytest.approx(change if gain < 1 else 100, rel=1e-9)


def test_l1_freq_of_an_impulse():
    """Its magnitude is 1 in all bins of the two frames that see it, out of 5 frames."""
    x = np.zeros((1, 4096), dtype=np.float32)
    x[0, 1500] = 1
    for gain in (0.0, 0.75, 3.0):
        mean = abs(gain - 1) * 2 / 5
        assert l1_freq(x, np.float32(gain) * x) == pytest.approx(100 / (1 + 10 * mean), rel=1e-9)


def test_bleed_and_gaps_are_told_apart(noise):
    x, other = noise(60_000), noise(60_000, seed=1)
    x[:, 30_000:] = 0
    loud = x.copy()
    loud[:, 30_000:] = other[:, 30_000:]
    bleedless, fullness = bleedless_fullness(x, loud)
    assert bleedless < 3 < 20 < fullness
    assert bleedless_fullness(loud, x) == pytest.approx((fullness, bleedless))


def test_silence_is_cut_off_at_its_own_floor():
    """Digital silence lies at −200 dB: 80 dB below it there is nothing to cut."""
    x = np.zeros((2, 9000), dtype=np.float32)
    assert bleedless_fullness(x, x) == (100, 100)
    assert l1_freq(x, x) == 100


def test_mel_bands_are_librosas():
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(sr=44_100, n_fft=4096, n_mels=512, dtype=np.float64)
    np.testing.assert_allclose(mel_bands(4096, 512), expected, atol=1e-12)


def spectrum(x, size, **kinds):
    x = torch.from_numpy(x).double()
    return torch.stft(x, size, 1024, return_complex=True, **kinds).abs().numpy()


@pytest.mark.parametrize("samples", [5000, 44_100, 300_000])
def test_they_follow_their_definitions(music, noise, samples):
    x = music(samples)
    y = (0.8 * x + 0.1 * noise(samples)).astype(np.float32)
    flat = torch.ones(2048).double()
    one, two = (spectrum(s, 2048, window=flat) for s in (x, y))
    expected = 100 / (1 + 10 * np.abs(two - one).mean())
    assert l1_freq(x, y) == pytest.approx(expected, rel=1e-9)

    decibels = []
    for s in (x, y):
        magnitude = spectrum(s, 4096, window=torch.hann_window(4096).double(), pad_mode="constant")
        level = 20 * np.log10(np.maximum(mel_bands(4096, 512) @ magnitude, 1e-10))
        decibels.append(np.maximum(level, level.max() - 80))
    change = decibels[1] - decibels[0]
    found = bleedless_fullness(x, y)
    assert found[0] == pytest.approx(100 / (1 + change[change > 0].mean()), rel=1e-6)
    assert found[1] == pytest.approx(100 / (1 - change[change < 0].mean()), rel=1e-6)


@pytest.mark.parametrize("samples", [1, 2, 100, 1024])
def test_the_shortest_tracks(noise, samples):
    x = noise(samples)
    assert extra_scores(SPECTRAL, x, x, x) == dict.fromkeys(SPECTRAL, 100.0)
    assert all(0 < v < 100 for v in extra_scores(["l1_freq"], x, -3 * x, x).values())


def test_only_what_is_asked_for(noise):
    x = noise(5000)
    assert extra_scores((), x, x, x) == {}
    assert list(extra_scores(["fullness"], x, x, x)) == ["fullness"]


def test_log_wmse_hands_over_what_its_package_asks_for(noise, monkeypatch):
    x, y, mixture = (noise(1000, seed=seed) for seed in range(3))
    heard = []
    package = types.ModuleType("log_wmse_audio_quality")
    package.calculate_log_wmse = lambda *arguments: heard.append(arguments) or np.float32(7)
    monkeypatch.setitem(sys.modules, "log_wmse_audio_quality", package)
    assert extra_scores(["log_wmse"], x, y, mixture) == {"log_wmse": 7.0}
    (unprocessed, processed, target, rate), *_ = heard
    assert unprocessed is mixture
    assert processed is y
    assert target is x
    assert rate == 44_100


def test_log_wmse_in_closed_form(noise):
    """No error has −4·ln(1e-8); a gain on the mixture's own error cancels."""
    pytest.importorskip("log_wmse_audio_quality")
    x, y, mixture = (noise(44_100, seed=seed) for seed in range(3))
    assert extra_scores(["log_wmse"], x, x, x)["log_wmse"] == pytest.approx(-4 * math.log(1e-8))
    one = extra_scores(["log_wmse"], x, y, mixture)["log_wmse"]
    two = extra_scores(["log_wmse"], 2 * x, 2 * y, 2 * mixture)["log_wmse"]
    assert one == pytest.approx(two, abs=1e-3)
    # the estimate lacks everything: the weighted error is the mixture itself, of unit power
    whole = extra_scores(["log_wmse"], x, 0 * x, x)["log_wmse"]
    assert whole == pytest.approx(0, abs=0.05)


def test_log_wmse_without_its_package(noise, monkeypatch):
    monkeypatch.setitem(sys.modules, "log_wmse_audio_quality", None)
    with pytest.raises(MissingDependencyError, match=r"pip install --no-deps log-wmse"):
        extra_scores(["log_wmse"], *(noise(100),) * 3)


def test_unknown_names_are_refused():
    assert MetricSettings(extra=EXTRA_METRICS).extra == EXTRA_METRICS
    with pytest.raises(ConfigError, match=r"'loudness'.*bleedless"):
        MetricSettings(extra=("loudness",))
    with pytest.raises(ConfigError, match=r"metric\.engine=matlab.*torch, museval"):
        MetricSettings(engine="matlab")
