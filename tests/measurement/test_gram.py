import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.measurement.energy_ratios import decibels, si_sdr, snr
from stemwise.measurement.gram import gram, unpack


def test_upper_triangle_row_by_row():
    signals = np.array([[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]])
    assert gram(signals).tolist() == [5, 11, 17, 25, 39, 61]


def test_products_are_joint_over_channels():
    signals = np.array([[[1.0], [10.0]], [[2.0], [20.0]]])
    assert gram(signals).tolist() == [101, 202, 404]


@pytest.mark.parametrize("size", range(1, 12))
def test_unpack_is_the_full_symmetric_matrix(size):
    signals = np.random.default_rng(size).standard_normal((size, 2, 7))
    flat = signals.reshape(size, -1)
    np.testing.assert_allclose(unpack(gram(signals)), flat @ flat.T, atol=1e-12)


def test_unpack_keeps_leading_axes():
    packed = np.arange(24.0).reshape(2, 4, 3)
    assert unpack(packed).shape == (2, 4, 2, 2)
    assert unpack(packed)[1, 2].tolist() == [[18, 19], [19, 20]]


def test_grams_of_parts_add_up_to_the_gram_of_the_whole():
    signals = np.random.default_rng(0).standard_normal((4, 2, 1000))
    parts = sum(
        gram(signals[..., cut]) for cut in (slice(0, 300), slice(300, 999), slice(999, None))
    )
    np.testing.assert_allclose(parts, gram(signals), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("samples", [1, 7, 8, 129, 10_001])
def test_equal_signals_have_equal_bits(samples):
    x = np.random.default_rng(samples).standard_normal((2, samples))
    products = gram(np.stack([x, 3 * x, x.copy()]))
    rr, rm, ry, mm, my, yy = products
    assert rr == ry == yy
    assert rm == my
    assert mm != rr


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-2, 2), st.floats(-2, 2))
def test_scores_of_a_blend_follow_from_the_gram_alone(seed, first, second):
    """SNR and SI-SDR of w₁a + w₂b without audio equal those of the blended audio."""
    rng = np.random.default_rng(seed)
    x, a, b = rng.standard_normal((3, 2, 500)) + rng.standard_normal((1, 2, 500))
    weights = np.array([first, second])
    matrix = unpack(gram(np.stack([x, a, b])))
    rr, ry, yy = matrix[0, 0], weights @ matrix[0, 1:], weights @ matrix[1:, 1:] @ weights
    blend = first * a + second * b
    direct = decibels((x**2).sum(), ((x - blend) ** 2).sum())
    assert snr(rr, ry, yy) == pytest.approx(direct, abs=1e-6)
    if abs(first) + abs(second) > 0.01 and abs(ry) > 1e-2:
        gain = (x * blend).sum() / (x**2).sum()
        direct = decibels(((gain * x) ** 2).sum(), ((blend - gain * x) ** 2).sum())
        assert si_sdr(rr, ry, yy) == pytest.approx(direct, abs=1e-6)
