import numpy as np
import pytest

from stemwise.measurement.correlation import Correlator


def correlate(reference, estimates, block, max_lag):
    """Feed a whole track block by block."""
    correlator = Correlator(len(estimates), len(reference), block, max_lag)
    samples = reference.shape[1]
    padded = np.pad(reference, ((0, 0), (max_lag, max_lag + block)))
    for start in range(0, samples, block):
        around = correlator.transform(padded[:, start : start + block + 2 * max_lag])
        stop = start + block
        correlator.add(around, reference[:, start:stop], estimates[..., start:stop])
    return correlator


def direct(x, y, k):
    """Σ y[n]·x[n − k] by its definition."""
    return sum(y[n] * x[n - k] for n in range(len(y)) if 0 <= n - k < len(x))


@pytest.mark.parametrize("block", [1, 3, 17, 40, 64])
@pytest.mark.parametrize("max_lag", [0, 1, 5, 60])
def test_every_lag_equals_its_definition(block, max_lag):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 40)), rng.standard_normal((3, 2, 40))
    correlator = correlate(x, y, block, max_lag)
    auto, cross = correlator.auto(), correlator.cross()
    assert auto.shape == (2, max_lag + 1)
    assert cross.shape == (3, 2, 2 * max_lag + 1)
    for channel in range(2):
        for k in range(max_lag + 1):
            assert auto[channel, k] == pytest.approx(direct(x[channel], x[channel], k), abs=1e-10)
        for estimate in range(3):
            expected = [
                direct(x[channel], y[estimate, channel], k) for k in range(-max_lag, max_lag + 1)
            ]
            np.testing.assert_allclose(cross[estimate, channel], expected, atol=1e-10)


def test_a_late_estimate_peaks_at_a_positive_lag():
    x = np.zeros((1, 50))
    x[0, 10] = 1.0
    y = np.zeros((1, 1, 50))
    y[0, 0, 13] = 2.0
    cross = correlate(x, y, 16, 8).cross()[0, 0]
    assert int(np.argmax(cross)) - 8 == 3
    assert cross.max() == pytest.approx(2.0)
