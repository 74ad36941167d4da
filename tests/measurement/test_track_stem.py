import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import signal

from stemwise.measurement.track_stem import measure_stem

RATE = 44_100


def measure(reference, estimate, **kinds):
    return measure_stem(reference, {"mixture": 0.7 * estimate, "m": estimate}, **kinds)


def tone(amplitude, function=np.sin, samples=RATE):
    time = np.arange(samples) / RATE
    return np.tile(amplitude * function(2 * np.pi * 441 * time), (2, 1)).astype(np.float32)


@pytest.mark.parametrize(("level", "expected"), [(0.5, 0), (0.05, 20), (0.005, 40), (1.0, -6.0206)])
def test_a_tone_with_known_noise_has_a_known_snr(level, expected):
    """The error is the tone's cosine, orthogonal to it over whole periods."""
    x, error = tone(0.5), tone(level, np.cos)
    found = measure(x, x + error)
    assert found.snr("m") == pytest.approx(expected, abs=1e-4)
    assert found.si_sdr("m") == pytest.approx(expected, abs=1e-4)
    assert found.gain_db("m") >= -1e-6


def test_half_the_level(noise):
    x = noise()
    found = measure(x, 0.5 * x)
    assert found.snr("m") == pytest.approx(6.0206, abs=1e-4)
    assert found.gain_db("m") == pytest.approx(-6.0206, abs=1e-4)
    assert found.lag_samples("m") == 0
    assert found.si_sdr("m") > 120
    assert found.bss_sdr("m") > 120


def test_an_inverted_estimate(noise):
    x = noise()
    found = measure(x, -x)
    assert found.snr("m") == pytest.approx(-6.0206, abs=1e-4)
    assert found.si_sdr("m") > 120
    assert found.bss_sdr("m") > 120
    assert (found.lag_samples("m"), found.gain_db("m")) == (0, pytest.approx(0, abs=1e-9))


@pytest.mark.parametrize("samples", [1, 100, 20_000, RATE, RATE + 1])
def test_a_perfect_estimate_is_exactly_infinite(noise, samples):
    x = noise(samples)
    found = measure(x, x.copy())
    assert found.snr("m") == math.inf
    assert found.si_sdr("m") == math.inf
    assert found.bss_sdr("m") == math.inf
    assert found.gain_db("m") == pytest.approx(0, abs=1e-9)


def test_one_wrong_bit_is_not_perfect(noise):
    x = noise()
    y = x.copy()
    y[1, 77] += np.float32(1e-3)
    found = measure(x, y)
    assert 80 < found.snr("m") < 110
    assert 80 < found.bss_sdr("m") < 110


@pytest.mark.parametrize("k", [1, 40, 511])
def test_a_late_estimate_is_forgiven_by_the_filter_only(noise, late, k):
    x = noise(tail=600)
    found = measure(x, late(x, k))
    assert found.lag_samples("m") == k
    assert found.gain_db("m") == pytest.approx(0, abs=1e-6)
    assert found.snr("m") < -2.5
    assert found.si_sdr("m") < -20
    assert found.bss_sdr("m") > 120


@pytest.mark.parametrize("block_s", [0.05, 1.0])
@pytest.mark.parametrize("k", [-1, -300, 512, 2000])
def test_a_filter_reaches_no_future_and_no_more_than_511_samples_back(noise, late, k, block_s):
    x = noise()
    x[:, :2100] = x[:, -2100:] = 0
    found = measure(x, late(x, k), block_s=block_s)
    assert found.lag_samples("m") == k
    assert found.gain_db("m") == pytest.approx(0, abs=1e-6)
    assert found.bss_sdr("m") < -10


def test_the_largest_lag_is_a_setting_of_at_least_the_filters_length(noise, late):
    x = noise(tail=2100)
    y = 0.5 * late(x, 2000)
    assert measure(x, y, max_lag_s=2000 / RATE).lag_samples("m") == 2000
    assert abs(measure(x, y, max_lag_s=1999 / RATE).lag_samples("m")) < 2000
    y = 0.5 * late(x, 511)
    found = measure(x, y, max_lag_s=0.0)
    assert (found.lag_samples("m"), found.gain_db("m")) == (511, pytest.approx(-6.0206, abs=1e-4))
    assert abs(measure(x, late(x, 512), max_lag_s=0.0).lag_samples("m")) <= 511


def test_lag_and_gain_are_joint_over_channels(noise, late):
    x = noise(tail=600)
    y = np.stack([late(x, 20)[0], 0.1 * late(x, 90)[1]])
    found = measure(x, y)
    assert found.lag_samples("m") == 20
    left, both = (x[0].astype(float) ** 2).sum(), (x.astype(float) ** 2).sum()
    assert found.gain_db("m") == pytest.approx(20 * math.log10(left / both), abs=0.1)


def test_a_filtered_reference(noise):
    x = noise(tail=600)
    taps = np.random.default_rng(5).standard_normal(512)
    y = signal.fftconvolve(x, taps[None], axes=-1)[:, :RATE].astype(np.float32)
    found = measure(x, y)
    assert found.bss_sdr("m") > 120
    assert found.snr("m") < 0
    assert found.si_sdr("m") < -10


def test_silent_reference(noise):
    x = noise()
    found = measure(0 * x, x)
    assert found.reference_dbfs() == -math.inf
    assert found.snr("m") == -math.inf
    assert math.isnan(found.si_sdr("m"))
    assert found.gain_db("m") == -math.inf
    assert not found.is_silent("m")


def test_silent_estimate(noise):
    x = noise()
    found = measure(x, 0 * x)
    assert found.is_silent("m")
    assert found.snr("m") == 0.0  # all of the stem is missing: exactly as much error as signal
    assert math.isnan(found.si_sdr("m"))
    assert math.isnan(found.bss_sdr("m"))
    assert found.gain_db("m") == -math.inf


def test_silence_for_silence_is_undefined(noise):
    x = 0 * noise()
    found = measure(x, x)
    assert math.isnan(found.snr("m"))
    assert math.isnan(found.bss_sdr("m"))


def test_a_stem_on_the_left_only(noise):
    x, error = noise(), noise(seed=1)
    x[1] = error[1] = 0
    left, both = measure(x[:1], (x + 0.1 * error)[:1]), measure(x, x + 0.1 * error)
    for score in ("snr", "si_sdr", "bss_sdr"):
        assert getattr(both, score)("m") == pytest.approx(getattr(left, score)("m"), abs=1e-9)
    assert both.reference_dbfs() == pytest.approx(left.reference_dbfs() - 3.0103, abs=1e-4)


def test_the_level_of_the_reference():
    assert measure(tone(1.0), tone(1.0)).reference_dbfs() == pytest.approx(-3.0103, abs=1e-4)
    full = np.ones((2, 1000), np.float32)
    assert measure(full, full).reference_dbfs() == pytest.approx(0, abs=1e-12)


def test_signals_keep_their_order_and_do_not_mix(noise):
    x, a, b = noise(), noise(seed=1), noise(seed=2)
    estimates = {"mixture": x + a + b, "good": x + 0.01 * a, "bad": x + a}
    found = measure_stem(x, estimates)
    assert found.signals == ("reference", "mixture", "good", "bad")
    for score in ("snr", "si_sdr", "bss_sdr"):
        mixture, good, bad = (getattr(found, score)(name) for name in estimates)
        assert good > 39 > 1 > bad > mixture
        alone = getattr(measure_stem(x, {"bad": estimates["bad"]}), score)("bad")
        assert bad == pytest.approx(alone, abs=1e-9)


@pytest.mark.parametrize(
    ("samples", "lengths"),
    [
        (441, [0.01]),
        (RATE // 2, [0.5]),
        (RATE // 2 + 1, [0.5, 1 / RATE]),
        (RATE + 4410, [0.5, 0.5, 0.1]),
    ],
)
def test_the_last_block_may_be_short_and_is_kept(noise, samples, lengths):
    x = noise(samples)
    found = measure(x, 0.5 * x, block_s=0.5)
    np.testing.assert_allclose(found.lengths, lengths)
    np.testing.assert_allclose(found.starts, 0.5 * np.arange(len(lengths)))
    assert found.gram.shape == (len(lengths), 6)
    assert found.projection.shape == found.remainder.shape == (len(lengths), 2)
    assert (found.samples, found.channels) == (samples, 2)
    assert found.total()[0, 0] == pytest.approx((x.astype(float) ** 2).sum())


def test_each_block_holds_its_own_energies(noise):
    """An error in the second block only must appear in that block only."""
    x = noise(3 * 4410, tail=4000)
    y = x.copy()
    y[:, 4410:8820] += 0.1 * noise(4410, seed=1)
    found = measure_stem(x, {"m": y}, block_s=0.1)
    rest = found.gram[:, 0] - 2 * found.gram[:, 1] + found.gram[:, 2]
    assert rest[0] == 0
    assert rest[2] == 0
    assert rest[1] > 0
    share = found.remainder[:, 0] / found.remainder.sum()
    assert share[1] > 0.85
    np.testing.assert_allclose(found.projection[:, 0], found.gram[:, 0], rtol=0.1)


def test_projection_and_remainder_are_orthogonal_parts_of_the_estimate(noise):
    """The filter's tail beyond the end included, their energies add up to the estimate's."""
    x, y = noise(10_000), noise(10_000, seed=1)
    found = measure_stem(x, {"m": x + y}, block_s=0.05)
    total = found.projection.sum() + found.remainder.sum()
    assert total == pytest.approx(found.total()[1, 1], rel=1e-9)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(block=st.integers(200, 9000), samples=st.integers(50, 5000), seed=st.integers(0, 99))
def test_totals_do_not_depend_on_the_block_length(noise, block, samples, seed):
    x, error = noise(samples, seed=seed), noise(samples, seed=seed + 100)
    y = 0.8 * x + 0.3 * error
    cut, whole = measure(x, y, block_s=block / RATE), measure(x, y, block_s=5000 / RATE)
    assert len(cut.starts) == math.ceil(samples / block)
    assert cut.lengths.sum() == pytest.approx(samples / RATE)
    assert cut.lag_samples("m") == whole.lag_samples("m")
    for score in ("snr", "si_sdr", "bss_sdr", "gain_db"):
        assert getattr(cut, score)("m") == pytest.approx(getattr(whole, score)("m"), abs=1e-6)
    assert measure(x, x, block_s=block / RATE).snr("m") == math.inf


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(level=st.floats(0.01, 10), gain=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_scale_free_scores_are_scale_free_and_ordered(noise, level, gain, seed):
    x, error = noise(3000, seed=seed), noise(3000, seed=seed + 100)
    y = x + np.float32(level) * error
    one, other = measure(x, y), measure(x, np.float32(-gain) * y)
    for score in ("si_sdr", "bss_sdr"):
        assert getattr(other, score)("m") == pytest.approx(getattr(one, score)("m"), abs=1e-3)
    # a longer filter explains at least as much
    assert one.bss_sdr("m") >= one.si_sdr("m") - 1e-9
