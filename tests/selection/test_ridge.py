"""Least squares drawn towards known weights: its ends, and one signal by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.selection.ridge import PENALTIES, ridge_path
from stemwise.selection.weights import least_squares

from .planted import forms_of, noisy_models


def test_the_largest_penalty_keeps_the_weights_and_none_is_least_squares():
    forms = noisy_models([0.5, 0.6, 0.9], shared=0.3)
    centre = np.array([1.0, 0.0, 0.0])
    path = ridge_path(forms, centre, (np.inf, 1.0, 1e-9))
    np.testing.assert_array_equal(path[0], centre)
    free = least_squares(forms, lambda *_: None)
    np.testing.assert_allclose(path[-1], free, atol=1e-5)
    away = np.abs(path - free).max(axis=1)
    assert away[0] > away[1] > away[2]


@given(st.floats(0.01, 10), st.floats(0.1, 3), st.floats(0.01, 100))
def test_one_signal_of_one_song(penalty, target, level):
    """x = target·z + an error across: w = (target + λw₀)/(1 + λ), whatever the level of z."""
    forms = forms_of([[target, 0.5]], [[[level, 0.0]]])
    made = ridge_path(forms, np.array([1 / level]), (penalty,))[0]
    assert made[0] * level == pytest.approx((target + penalty) / (1 + penalty), rel=1e-6)


def test_a_silent_signal_keeps_its_weight():
    forms = forms_of([[1.0, 0.5]], [[[0.8, 0.0], [0.0, 0.0]]])
    assert ridge_path(forms, np.array([0.0, 0.25]), (0.1,))[0, 1] == pytest.approx(0.25)


def test_penalties_begin_with_none_of_it():
    assert PENALTIES[0] == np.inf and list(PENALTIES) == sorted(PENALTIES, reverse=True)
