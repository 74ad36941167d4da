"""Lags against a correlation in float64 over the whole track."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemwise.measurement import lag_search
from stemwise.measurement.lag_search import ERROR, correlate, search


def direct(x, y, max_lag):
    """Σ y[n]·x[n − k] over channels for |k| ≤ max_lag, in float64."""
    x, y = (np.pad(np.float64(one), ((0, 0), (max_lag, max_lag))) for one in (x, y))
    size = x.shape[1] - 1
    every = sum(signal.correlate(b, a, method="fft") for a, b in zip(x, y, strict=True))
    return every[size - max_lag : size + max_lag + 1]


def find(x, estimates, max_lag, known=512):
    """Return lags and values as `search` gives them, and the correlations that they come from."""
    every = np.stack([direct(x, y, max_lag) for y in estimates])
    norms = np.array([np.linalg.norm(np.float64(y)) for y in estimates])
    exact = every[:, max_lag : max_lag + known]
    return (
        *search(x, estimates, exact, norms * np.linalg.norm(np.float64(x)), max_lag),
        every,
    )


def coloured(seed, samples, cutoff, channels=2):
    """Return noise, low-passed at `cutoff` Hz (None: white), float32."""
    x = np.random.default_rng(seed).standard_normal((channels, samples))
    if cutoff:
        x = signal.sosfilt(signal.butter(4, cutoff, output="sos", fs=44_100), x)
    return (0.1 * x / x.std()).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    shift=st.integers(-2200, 2200),
    sdr=st.sampled_from([-20, -10, 0, 20, 60]),
    cutoff=st.sampled_from([None, 60, 1000]),
    samples=st.sampled_from([5000, 40_000, 70_001]),
    seed=st.integers(0, 99),
)
def test_lag_and_value_equal_those_of_float64(shift, sdr, cutoff, samples, seed):
    x, noise = coloured(seed, samples, cutoff), coloured(seed + 100, samples, None)
    y = np.roll(x, shift, axis=1) + np.float32(10 ** (-sdr / 20)) * noise
    lag, value, every = find(x, [y, noise], 2205)
    peak = np.argmax(np.abs(every), axis=1)
    np.testing.assert_array_equal(lag, peak - 2205)
    scale = np.linalg.norm(every, axis=1, ord=np.inf)
    assert np.abs(value - every[[0, 1], peak]).max() < 1e-11 * scale.max()


@pytest.mark.parametrize("cutoff", [None, 60, 1000])
@pytest.mark.parametrize("samples", [3000, 300_000])
def test_float32_errs_by_less_than_is_allowed_for(cutoff, samples):
    x = coloured(1, samples, cutoff)
    tone = np.tile(np.sin(np.arange(samples) / 100), (2, 1)).astype(np.float32)
    estimates = [x, -x, tone, coloured(2, samples, 60), 0.2 * x + coloured(3, samples, None)]
    found = correlate(x, estimates, 4410, torch.float32)
    for y, rough in zip(estimates, found, strict=True):
        norm = np.linalg.norm(np.float64(x)) * np.linalg.norm(np.float64(y))
        assert np.abs(rough - direct(x, y, 4410)).max() < ERROR / 10 * norm


@pytest.mark.parametrize("k", [-1, 513])
def test_what_float32_cannot_tell_is_made_in_float64(monkeypatch, k):
    """A tone so slow that its correlation hardly changes from sample to sample."""
    x = np.zeros((1, 30_000), np.float32)
    x[0, 5000:25_000] = np.sin(2 * np.pi * np.arange(20_000) / 20_000)
    precisions = []
    plain = lag_search.correlate

    def watched(reference, estimates, max_lag, dtype):
        precisions.append((dtype, len(estimates)))
        return plain(reference, estimates, max_lag, dtype)

    monkeypatch.setattr(lag_search, "correlate", watched)
    loud = coloured(0, 30_000, None, 1)
    lag, _, _ = find(x, [np.roll(x, k, axis=1)], 2000)
    assert lag == [k]
    assert precisions == [(torch.float32, 1), (torch.float64, 1)]
    precisions.clear()
    lag, _, _ = find(loud, [np.roll(loud, k, axis=1), 0 * loud], 2000)
    assert lag.tolist() == [k, -2000]
    assert precisions == [(torch.float32, 1), (torch.float64, 0)]


@pytest.mark.parametrize("level", [1e-25, 1e-12, 1e14])
def test_levels_beyond_float32(level):
    x = coloured(0, 8000, None).astype(np.float64) * level
    lag, value, every = find(x, [np.roll(x, -700, axis=1)], 2000)
    assert lag == [-700]
    assert value == pytest.approx(every.max(), rel=1e-9)


def test_no_estimate_has_no_lag():
    lag, value = search(coloured(0, 100, None), [], np.zeros((0, 5)), np.zeros(0), 4)
    assert lag.shape == value.shape == (0,)
