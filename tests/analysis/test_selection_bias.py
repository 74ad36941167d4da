"""Gains that were kept for being large: corrected in the mean, and left alone where they are certain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.analysis.clusters import interval
from stemwise.analysis.selection_bias import shrunken


def test_a_gain_far_above_its_threshold_is_left_alone():
    assert shrunken(2.0, 1.8) == pytest.approx(2.0, abs=1e-4)
    assert shrunken(1.0, 1.0) == 1.0


def test_a_gain_that_only_just_passed_is_worth_nothing():
    assert shrunken(0.2, 1e-9) == 0.0


@given(st.floats(1e-3, 50), st.floats(1e-6, 1))
def test_it_lies_between_nothing_and_what_was_measured(gain, share):
    assert 0 <= shrunken(gain, share * gain) <= gain


@given(st.floats(0.01, 0.99), st.floats(0.01, 100))
def test_it_has_the_unit_of_the_gain(share, scale):
    assert shrunken(scale, share * scale) == pytest.approx(
        scale * shrunken(1.0, share), abs=1e-3 * scale
    )


@pytest.mark.parametrize(
    ("artists", "true", "claimed"), [(30, 0.04, 0.15), (30, 0.1, 0.2), (12, 0.1, 0.25)]
)
def test_what_is_claimed_of_kept_gains_is_about_what_is_true(artists, true, claimed):
    """Simulation: without the correction kept gains of 0.04 dB are claimed to be more than 0.15."""
    random = np.random.default_rng(2)
    labels = [str(number) for number in range(artists)]
    kept = []
    while len(kept) < 150:
        values = random.normal(true, 0.5, artists)
        low, _ = interval(values, labels) if values.mean() > 0.1 else (None, None)
        if low is not None and low > 0:
            kept.append((values.mean(), shrunken(float(values.mean()), low)))
    measured, corrected = np.mean(kept, axis=0)
    assert measured > claimed
    assert abs(corrected - true) < (measured - true) / 3


def test_a_large_gain_loses_little():
    random = np.random.default_rng(3)
    labels = [str(number) for number in range(30)]
    found = []
    for _ in range(200):
        values = random.normal(0.5, 0.5, 30)
        low, _ = interval(values, labels)
        assert low is not None
        found.append(shrunken(float(values.mean()), low) if low > 0 else 0.0)
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)
