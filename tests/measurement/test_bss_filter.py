"""bss_sdr against two independent implementations, and its filter against known ones."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg, signal

from stemwise.measurement.bss_filter import TAPS, distortion_filters
from stemwise.measurement.track_stem import measure_stem

fast_bss_eval = pytest.importorskip("fast_bss_eval")
RATE = 44_100


def fast_sdr(reference, estimate, **kinds):
    """Return fast_bss_eval's SDR of mono signals (its torch path, in float64, without load)."""
    ref, est = (torch.from_numpy(signal.astype(np.float64)) for signal in (reference, estimate))
    found = fast_bss_eval.sdr(
        ref, est, filter_length=TAPS, load_diag=None, zero_mean=False, **kinds
    )
    return float(found[0])


def brute_force(reference, estimate):
    """Return bss_sdr from a matrix that holds the delayed references, by least squares."""
    target = rest = 0.0
    for x, y in zip(reference.astype(np.float64), estimate.astype(np.float64), strict=True):
        columns = np.stack([np.pad(x, (k, TAPS - 1 - k)) for k in range(TAPS)], axis=1)
        padded = np.pad(y, (0, TAPS - 1))
        projection = columns @ linalg.lstsq(columns, padded)[0]
        target += (projection**2).sum()
        rest += ((padded - projection) ** 2).sum()
    return 10 * math.log10(target / rest)


def ours(reference, estimate, **kinds):
    return measure_stem(reference, {"mixture": estimate, "m": estimate}, **kinds).bss_sdr("m")


@pytest.mark.parametrize("level", [0.001, 0.05, 0.5, 5.0])
@pytest.mark.parametrize("kind", ["noise", "music"])
def test_mono_equals_fast_bss_eval(request, kind, level):
    make = request.getfixturevalue(kind)
    x, interference = make(30_000, seed=1, channels=1), make(30_000, seed=2, channels=1)
    taps = np.array([0.8, 0.0, -0.3, 0.1])
    y = (signal.lfilter(taps, 1, x) + level * interference).astype(np.float32)
    assert ours(x, y) == pytest.approx(fast_sdr(x, y), abs=1e-6)


def test_what_fast_bss_eval_clamps_stays_as_it_is(noise):
    x, other = noise(60_000, seed=1, channels=1), noise(60_000, seed=2, channels=1)
    for y in (x + 0.003 * other, other + 0.003 * x):
        plain = ours(x, y)
        assert abs(plain) > 15
        clamped = fast_sdr(x, y, clamp_db=15.0)
        assert clamped == pytest.approx(math.copysign(15, plain), abs=1e-6)
        assert plain == pytest.approx(fast_sdr(x, y), abs=1e-6)


def test_stereo_sums_energies_over_channels(noise):
    x, y = noise(1500, seed=1), noise(1500, seed=2)
    y[0] += 3 * x[0]  # one good channel and one bad
    expected = brute_force(x, y)
    assert ours(x, y) == pytest.approx(expected, abs=1e-6)
    assert ours(x, y, block_s=100 / RATE) == pytest.approx(expected, abs=1e-6)
    mono = [ours(x[[c]], y[[c]]) for c in (0, 1)]
    assert abs(expected - np.mean(mono)) > 0.1  # it is no mean of decibels


def test_each_channel_is_explained_by_its_own_reference_only(noise):
    """Channels swapped: a filter across channels would explain them, ours must not."""
    x = noise(20_000, seed=1)
    swapped = x[::-1].copy()
    assert ours(x, swapped) < -10


def test_leakage_into_a_channel_without_reference_counts(noise):
    x = noise(1500, seed=1)
    x[1] = 0
    y = x.copy()
    y[1] = 0.1 * noise(1500, seed=2)[1]
    leak = 10 * math.log10((x[0].astype(float) ** 2).sum() / (y[1].astype(float) ** 2).sum())
    assert ours(x, y) == pytest.approx(leak, abs=1e-4)


@pytest.mark.parametrize("samples", [2, 100, 511, 512, 513])
def test_signals_shorter_than_the_filter(noise, samples):
    x, y = noise(samples, seed=1), noise(samples, seed=2)
    assert ours(x, y) == pytest.approx(brute_force(x, y), abs=1e-5)


def test_distortion_filters_find_a_known_filter(noise):
    x = noise(20_000, channels=2, tail=TAPS).astype(np.float64)
    true = np.random.default_rng(3).standard_normal((2, TAPS)) / 10
    y = np.stack([signal.fftconvolve(a, h)[: x.shape[1]] for a, h in zip(x, true, strict=True)])
    size = x.shape[1] - 1
    auto = np.stack([signal.correlate(a, a)[size : size + TAPS] for a in x])
    cross = np.stack(
        [signal.correlate(b, a)[size : size + TAPS] for a, b in zip(x, y, strict=True)]
    )
    found = distortion_filters(auto, np.stack([cross, 2 * cross]))
    np.testing.assert_allclose(found[0], true, atol=1e-9)
    np.testing.assert_allclose(found[1], 2 * true, atol=1e-9)


def test_a_silent_reference_channel_has_no_filter():
    auto, cross = np.zeros((2, TAPS)), np.ones((1, 2, TAPS))
    auto[0, 0] = 2.0
    found = distortion_filters(auto, cross)
    np.testing.assert_allclose(found[0, 0], 0.5)
    assert not found[0, 1].any()


@pytest.mark.parametrize("energy", [1e-13, 1.0, 1e6])
def test_a_singular_reference_is_loaded_as_little_as_possible(energy):
    """A constant: all delays are the same signal, so the matrix has rank one."""
    found = distortion_filters(np.full((1, TAPS), energy), np.full((1, 1, TAPS), energy))
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(1, abs=1e-6)


BAND_LIMITED = {
    "lowpass 100 Hz": lambda x: low_pass(x, 100),
    "lowpass 2 kHz": lambda x: low_pass(x, 2000),
    "lowpass 16 kHz, as AAC": lambda x: low_pass(x, 16_000),
    "tone": lambda x: np.tile(0.5 * np.sin(np.arange(x.shape[1]) / 10), (2, 1)),
    "constant": lambda x: np.full_like(x, 0.25),
}


def low_pass(x, cutoff):
    taps = signal.firwin(301, cutoff, fs=RATE)[None]
    for _ in range(4):
        x = signal.fftconvolve(x, taps, mode="same", axes=-1)
    return x / np.abs(x).max()


@pytest.mark.parametrize("kind", BAND_LIMITED)
@pytest.mark.parametrize("bits", [16, 32])
def test_a_band_limited_reference_has_a_true_score(noise, kind, bits):
    fade = np.zeros(RATE)
    fade[1000:-1000] = signal.windows.tukey(RATE - 2000, 0.2)
    x = BAND_LIMITED[kind](noise()) * fade
    if bits == 16:
        x = np.round(x * 32_767) / 32_768
    x = x.astype(np.float32)
    taps = np.zeros(200)
    taps[[0, 50, 120]] = 0.2, 0.8, -0.3
    clean = signal.lfilter(taps, 1, x.astype(np.float64))
    for level in (1e-4, 1e-2):
        y = (clean + level * noise(seed=9) * fade).astype(np.float32)
        planted = 10 * math.log10((clean**2).sum() / ((y - clean) ** 2).sum())
        found = measure_stem(x, {"m": y})
        assert found.bss_sdr("m") == pytest.approx(planted, abs=0.2)
        assert found.bss_sdr("m") > found.si_sdr("m") - 1e-6
