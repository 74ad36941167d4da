"""Signals and builders for tests of measuring."""

import numpy as np
import pytest

RATE = 44_100


@pytest.fixture
def noise():
    """Return a maker of white noise `(channels, samples)`, silent in its last `tail` samples."""

    def make(samples=RATE, *, seed=0, channels=2, level=0.1, tail=0):
        rng = np.random.default_rng(seed)
        x = (level * rng.standard_normal((channels, samples))).astype(np.float32)
        x[:, samples - tail :] = 0
        return x

    return make


@pytest.fixture
def music():
    """Return a maker of something like music: decaying harmonic notes over soft noise."""

    def make(samples=RATE, *, seed=0, channels=2):
        rng = np.random.default_rng(seed)
        time = np.arange(samples) / RATE
        out = 0.002 * rng.standard_normal((channels, samples))
        for start in np.arange(0, samples / RATE, 0.25):
            pitch = 110 * 2 ** (rng.integers(0, 24) / 12)
            age = np.maximum(time - start, 0)
            envelope = (time >= start) * np.exp(-6 * age)
            for partial in range(1, 9):
                pan = rng.uniform(0.2, 1, (channels, 1))
                tone = np.sin(2 * np.pi * partial * pitch * age) / partial
                out += 0.1 * pan * envelope * tone
        return out.astype(np.float32)

    return make


@pytest.fixture
def late():
    """Return a function that delays `(channels, samples)` by k samples (k < 0: earlier)."""

    def shift(x, k):
        out = np.zeros_like(x)
        if k >= 0:
            out[:, k:] = x[:, : x.shape[1] - k]
        else:
            out[:, :k] = x[:, -k:]
        return out

    return shift
