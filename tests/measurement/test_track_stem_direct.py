"""Everything that `measure_stem` returns against sums over samples, without transforms or blocks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemwise.measurement import track_stem
from stemwise.measurement.bss_filter import TAPS, distortion_filters
from stemwise.measurement.energy_ratios import decibels, si_sdr, snr
from stemwise.measurement.track_stem import measure_stem

RATE = 44_100


class Direct:
    """The slow formulation, in float64 (products and sums of scores in extended precision)."""

    def __init__(self, reference, estimates, block, max_lag):
        self.x, self.y = np.float64(reference), [np.float64(y) for y in estimates]
        self.starts = np.arange(0, reference.shape[1], block)
        self.gram = self._gram()
        # row k is the reference, k samples later; the filter's tail lies beyond the end
        self.late = np.stack([np.pad(self.x, ((0, 0), (k, TAPS - 1 - k))) for k in range(TAPS)], 1)
        samples = self.x.shape[1]
        every = [self.x, *self.y]
        lags = [np.einsum("ckn,cn->ck", self.late[..., :samples], y) for y in every]
        self.auto, self.cross = lags[0], np.array(lags[1:])
        self.filters = distortion_filters(self.auto, self.cross)
        self.projection, self.remainder = self._energies()
        self.lag, self.value = self._lags(max(TAPS - 1, max_lag))

    def _gram(self):
        flat = np.array([self.x, *self.y], dtype=np.longdouble)
        rows, columns = np.triu_indices(len(flat))
        products = (flat[rows] * flat[columns]).sum(axis=1)
        return np.add.reduceat(products, self.starts, axis=1).T

    def _energies(self):
        found = []
        for h, y in zip(self.filters, self.y, strict=True):
            projected = np.einsum("ck,ckn->cn", h, self.late)
            rest = np.pad(y, ((0, 0), (0, TAPS - 1))) - projected
            both = [np.square(part).sum(axis=0) for part in (projected, rest)]
            found.append([np.add.reduceat(energy, self.starts) for energy in both])
        return np.moveaxis(np.array(found), 0, -1)

    def _lags(self, reach):
        size = self.x.shape[1] - 1
        wanted = np.arange(-reach, reach + 1)
        found = np.zeros((len(self.y), len(wanted)))
        for place, y in enumerate(self.y):
            full = sum(
                signal.correlate(b, a, "full", "fft") for a, b in zip(self.x, y, strict=True)
            )
            inside = np.abs(wanted) <= size
            found[place, inside] = full[wanted[inside] + size]
        peak = np.argmax(np.abs(found), axis=1)
        return wanted[peak], found[np.arange(len(peak)), peak]

    def products(self, index):
        total = np.zeros((len(self.y) + 1,) * 2, dtype=np.longdouble)
        total[np.triu_indices(len(total))] = self.gram.sum(axis=0)
        return total[0, 0], total[0, index + 1], total[index + 1, index + 1]


def compare(x, estimates, block_s=1.0, max_lag_s=0.1):
    """Assert that the whole measurement equals the direct one; return both."""
    found = measure_stem(x, estimates, block_s, max_lag_s)
    true = Direct(x, list(estimates.values()), round(block_s * RATE), round(max_lag_s * RATE))
    rows, columns = np.triu_indices(len(found.signals))
    norms = np.sqrt(np.float64(true.gram[:, rows == columns]))
    assert (np.abs(found.gram - true.gram) <= 1e-12 * norms[:, rows] * norms[:, columns]).all()
    for values, expected in ((found.auto, true.auto), (found.cross, true.cross)):
        assert np.abs(values - expected).max() <= 1e-11 * np.abs(expected).max()
    np.testing.assert_array_equal(found.lag, true.lag)
    energy = float(true.auto[:, 0].sum())
    gain = true.value / energy if energy else 0 * true.value
    np.testing.assert_allclose(found.gain, gain, rtol=1e-9, atol=1e-12 * np.abs(gain).max())
    for values, expected in (
        (found.projection, true.projection),
        (found.remainder, true.remainder),
    ):
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-20)
    for index, name in enumerate(estimates):
        products = true.products(index)
        assert found.snr(name) == pytest.approx(float(snr_of(products)), abs=1e-8)
        expected = decibels(true.projection[:, index].sum(), true.remainder[:, index].sum())
        if not math.isinf(found.bss_sdr(name)):
            assert found.bss_sdr(name) == pytest.approx(float(expected), abs=1e-9, nan_ok=True)
        expected = float(si_sdr(*map(float, products)))
        if abs(expected) < 70:
            assert found.si_sdr(name) == pytest.approx(expected, abs=1e-8)
    return found, true


def snr_of(products):
    """Return the SNR without the cancellation of float64."""
    rr, ry, yy = products
    return snr(0, 0, 0) if rr == yy == 0 else decibels(float(rr), float(max(0, rr - 2 * ry + yy)))


def signals(seed, samples, channels, sdrs=(-20, 0, 12, 40, 60)):
    """Return a reference and estimates of it with filters, delays and noise."""
    random = np.random.default_rng(seed)

    def noise():
        return (0.1 * random.standard_normal((channels, samples))).astype(np.float32)

    x = noise()
    made = {f"{sdr} dB": x + np.float32(10 ** (-sdr / 20)) * noise() for sdr in sdrs}
    made["filtered"] = np.float32(signal.lfilter([0.3, 0, -0.6, 0.1], 1, x) + 0.2 * noise())
    made["late"] = np.roll(x, 300, axis=1) + 0.1 * noise()
    made["early"] = np.roll(x, -40, axis=1) + 0.1 * noise()
    return x, made


@settings(max_examples=30, deadline=None)
@given(
    samples=st.integers(600, 12_000),
    block=st.integers(300, 12_000),
    channels=st.integers(1, 2),
    seed=st.integers(0, 999),
)
def test_it_equals_sums_over_samples(samples, block, channels, seed):
    compare(*signals(seed, samples, channels), block / RATE, 0.02)


@pytest.mark.parametrize("extra", [0, 1, 510, 511, 512, 4000])
def test_any_last_block(extra):
    compare(*signals(extra, 2 * 4500 + extra, 2), 4500 / RATE)


@pytest.mark.parametrize("samples", [100, 511, 512, 513])
def test_tracks_about_as_long_as_the_filter(samples):
    x, made = signals(samples, samples, 2, (-20, 0, 12))
    compare(x, {name: y for name, y in made.items() if name.endswith("dB")})


def test_blocks_of_silence():
    x, made = signals(1, 5 * 4500, 2)
    y, z = made["12 dB"], made["0 dB"]
    x[:, 4000:13_600] = 0  # ends within a block, and begins again
    y[:, :4500] = 0
    y[:, 9000:18_100] = 0
    z[1] = 0
    compare(x, {"gaps": y, "left only": z, "silent": 0 * y}, 4500 / RATE)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_silent_reference_or_channel(channels):
    x, made = signals(2, 10_000, channels)
    x[-1] = 0
    compare(x, {"m": made["0 dB"]}, 4500 / RATE)


def test_an_exact_copy_and_one_at_another_level():
    x, _ = signals(3, 10_000, 2)
    found = measure_stem(x, {"copy": x.copy(), "half": x / 2}, 4500 / RATE)
    assert found.snr("copy") == found.bss_sdr("copy") == math.inf
    assert found.bss_sdr("half") > 250
    np.testing.assert_allclose(found.projection[:, 1], found.gram[:, 0] / 4, rtol=1e-12)


def test_only_where_correlations_lose_digits_is_a_block_filtered(monkeypatch):
    """A block is filtered where its remainder is far below the estimate, and the others are not."""
    x, made = signals(4, 4 * 4500, 2)
    y = made["12 dB"]
    y[:, 4500:9000] = x[:, 4500:9000]
    filtered = []
    plain = track_stem.ByFiltering.__call__

    def watched(self, start, stop, wanted):
        filtered.append((start, wanted.tolist()))
        return plain(self, start, stop, wanted)

    monkeypatch.setattr(track_stem.ByFiltering, "__call__", watched)
    compare(x, {"mixture": made["0 dB"], "m": y}, 4500 / RATE)
    assert filtered == []  # the filter of the other blocks explains that one badly
    compare(x, {"mixture": made["0 dB"], "m": made["60 dB"]}, 4500 / RATE)
    assert filtered == [(start, [False, True]) for start in range(0, 4 * 4500, 4500)]


def test_a_filter_of_huge_values_is_no_source_of_error():
    """Out of the reference's band, all that rounding leaves is explained by a filter of any size."""
    taps = signal.firwin(301, 2000, fs=RATE)
    x, made = signals(5, 9000, 1)
    x = signal.fftconvolve(x, taps[None], mode="same", axes=-1).astype(np.float32)
    noise = made["0 dB"] - x
    found = measure_stem(x, {"m": x + noise}, 4500 / RATE)
    projection, remainder = found.projection.sum(), found.remainder.sum()
    assert projection + remainder == pytest.approx(found.total()[1, 1], rel=1e-6)
