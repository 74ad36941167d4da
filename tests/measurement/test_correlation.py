"""Correlations of blocks against their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.measurement.correlation import BlockCorrelator
from stemwise.measurement.gram import unpack


def direct(x, y, k, start, stop):
    """Σ y[n]·x[n − k] for start ≤ n < stop by its definition."""
    first = max(start, k)
    return y[first:stop] @ x[first - k : max(stop - k, 0)] if first < stop else 0.0


@settings(max_examples=40, deadline=None)
@given(
    samples=st.integers(1, 9000),
    block=st.integers(1, 9000),
    taps=st.sampled_from([2, 5, 60, 512]),
    channels=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_every_block_equals_its_definition(samples, block, taps, channels, seed):
    rng = np.random.default_rng(seed)
    signals = rng.standard_normal((3, channels, samples))
    correlate = BlockCorrelator(signals, block, taps)
    last = (samples - 1) // block * block
    # what one block leaves in the buffers must not reach another, whichever comes first
    for start in (last, 0, int(rng.integers(0, last // block + 1)) * block, last):
        stop = min(start + block, samples)
        products, lags, _ = correlate(start, stop)
        flat = signals[:, :, start:stop].reshape(3, -1)
        np.testing.assert_allclose(unpack(products), flat @ flat.T, rtol=1e-12, atol=1e-10)
        assert lags.shape == (3, channels, taps)
        for k in {0, 1, taps // 2, taps - 1}:
            expected = [
                [direct(signals[0, c], y[c], k, start, stop) for c in range(channels)]
                for y in signals
            ]
            np.testing.assert_allclose(lags[..., k], expected, rtol=0, atol=1e-10)


def test_blocks_add_up_to_the_track():
    signals = np.random.default_rng(0).standard_normal((3, 2, 10_000))
    whole = BlockCorrelator(signals, 10_000, 512)(0, 10_000)
    correlate = BlockCorrelator(signals, 4500, 512)
    parts = [correlate(start, min(start + 4500, 10_000)) for start in range(0, 10_000, 4500)]
    for place in (0, 1):
        np.testing.assert_allclose(sum(part[place] for part in parts), whole[place], atol=1e-9)


def test_a_late_estimate_peaks_at_a_positive_lag():
    x, y = np.zeros((2, 1, 50))
    x[0, 10], y[0, 13] = 1.0, 2.0
    _, lags, _ = BlockCorrelator([x, y], 50, 8)(0, 50)
    assert lags[1, 0] == pytest.approx([0, 0, 0, 2, 0, 0, 0, 0])
