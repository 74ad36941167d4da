"""Blends are scored from tables exactly as if their audio had been measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemwise.core.types import WHOLE, Track
from stemwise.evaluation import rows
from stemwise.measurement.blend import BlendStatistics
from stemwise.measurement.track_stem import measure_stem

TRACK = Track("d", "t", "T", ("vocals",), {})
MODELS = ("mixture", "a", "b", "c")


def sounds(seed, length=30_000, low_pass=None):
    """Return a reference and four estimates of it with filters, delays, gains and noise."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 0.1, (2, length))
    if low_pass:
        x = signal.sosfilt(signal.butter(8, low_pass, output="sos", fs=44_100), x)
    noise = random.normal(0, 0.1, (4, 2, length))
    late = np.pad(x, ((0, 0), (37, 0)))[:, :length]
    made = (x + noise[0], 0.7 * x + 0.3 * noise[1], late + 0.2 * noise[2], -x + 0.1 * noise[3])
    return x, dict(zip(MODELS, made, strict=True))


def statistics(x, estimates):
    measured = measure_stem(x, estimates)
    return BlendStatistics.from_row(rows.form_row(TRACK, WHOLE, "vocals", measured))


def direct(x, estimates, weights):
    """Measure the audio of a blend."""
    blend = sum(w * estimate for w, estimate in zip(weights, estimates.values(), strict=True))
    measured = measure_stem(x, {"mixture": blend})
    return [getattr(measured, name)("mixture") for name in ("snr", "si_sdr", "bss_sdr")]


def predicted(found, weights):
    return [float(getattr(found, name)(weights)) for name in ("snr", "si_sdr", "bss_sdr")]


X, ESTIMATES = sounds(0)
FOUND = statistics(X, ESTIMATES)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=4, max_size=4).filter(lambda w: np.abs(w).sum() > 0.1))
def test_a_blend_of_weights_is_its_audio_measured(weights):
    np.testing.assert_allclose(
        predicted(FOUND, weights), direct(X, ESTIMATES, weights), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("low_pass", [4000, 12_000])
def test_also_where_the_references_band_is_limited(low_pass):
    x, estimates = sounds(1, low_pass=low_pass)
    weights = (0.1, 0.5, 0.3, -0.2)
    np.testing.assert_allclose(
        predicted(statistics(x, estimates), weights),
        direct(x, estimates, weights),
        rtol=0,
        atol=1e-6,
    )


def test_a_single_model_has_its_own_scores():
    measured = measure_stem(X, ESTIMATES)
    for number, name in enumerate(MODELS):
        weights = np.eye(4)[number]
        expected = [getattr(measured, score)(name) for score in ("snr", "si_sdr", "bss_sdr")]
        np.testing.assert_allclose(predicted(FOUND, weights), expected, rtol=0, atol=1e-6)


def test_many_blends_at_once_and_models_left_out():
    weights = np.random.default_rng(2).normal(size=(5, 3, 2))
    some = FOUND.only(("c", "a"))
    for name in ("snr", "si_sdr", "bss_sdr"):
        values = getattr(some, name)(weights)
        assert values.shape == (5, 3)
        c, a = weights[4, 2]
        assert values[4, 2] == pytest.approx(float(getattr(FOUND, name)((0, a, 0, c))), abs=1e-9)


def test_nothing_at_all_has_no_scale_free_score():
    assert float(FOUND.snr(np.zeros(4))) == 0
    assert np.isnan(FOUND.si_sdr(np.zeros(4))) and np.isnan(FOUND.bss_sdr(np.zeros(4)))
