import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.measurement.energy_ratios import decibels, si_sdr, si_sdr_energies, snr, snr_energies

vectors = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array)


@pytest.mark.parametrize(
    ("target", "residual", "expected"),
    [(1, 1, 0.0), (100, 1, 20.0), (1, 1000, -30.0), (1, 0, math.inf), (0, 1, -math.inf)],
)
def test_decibels_are_plain_ratios_with_their_limits(target, residual, expected):
    assert decibels(target, residual) == pytest.approx(expected, abs=1e-12)


def test_nothing_over_nothing_is_undefined():
    assert math.isnan(decibels(0, 0))


def test_no_epsilon_hides_in_quiet_signals():
    assert decibels(1e-300, 1e-302) == pytest.approx(20, abs=1e-9)


def test_ratios_that_no_float_can_hold_still_have_decibels():
    assert decibels(1e200, 1e-200) == pytest.approx(4000)


def test_decibels_work_elementwise():
    np.testing.assert_allclose(decibels([1.0, 10.0], [10.0, 1.0]), [-10, 10])


def test_a_residual_below_zero_is_zero():
    target, residual = snr_energies(1.0, 1.0 + 1e-15, 1.0)
    assert (target, residual) == (1.0, 0.0)
    assert si_sdr_energies(1.0, 1.0 + 1e-15, 1.0, 1.0)[1] == 0.0


@given(vectors, vectors)
def test_snr_is_the_ratio_of_signal_and_difference(x, y):
    rr, ry, yy = x @ x, x @ y, y @ y
    rest = ((x - y) ** 2).sum()
    if rr > 1e-6 and rest > 1e-6:
        assert snr(rr, ry, yy) == pytest.approx(10 * math.log10(rr / rest), abs=1e-6)


@given(vectors, vectors, st.floats(0.01, 100))
def test_si_sdr_ignores_the_estimates_level_and_sign(x, y, gain):
    rr, ry, yy = x @ x, x @ y, y @ y
    if rr * yy * (1 - ry**2 / (rr * yy or 1)) > 1e-3 and abs(ry) > 1e-3:
        expected = si_sdr(rr, ry, yy)
        assert si_sdr(rr, -gain * ry, gain**2 * yy) == pytest.approx(expected, abs=1e-6)
        # the closed form: cos² over sin² of the angle between the two
        cosine = ry**2 / (rr * yy)
        assert expected == pytest.approx(10 * math.log10(cosine / (1 - cosine)), abs=1e-6)


def test_si_sdr_of_an_orthogonal_estimate_is_minus_infinity():
    assert si_sdr(1.0, 0.0, 1.0) == -math.inf


def test_si_sdr_of_silence_is_undefined():
    assert math.isnan(si_sdr(0.0, 0.0, 1.0))
    assert math.isnan(si_sdr(1.0, 0.0, 0.0))
