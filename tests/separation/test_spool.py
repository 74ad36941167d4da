"""Spooled samples, their peaks and their 24 bits, bit for bit."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stemwise.separation import spool as module
from stemwise.separation.spool import Spool, as_stored, to_24_bits

STEPS = 1 << 23
EDGES = [0.0, -0.0, 1.0, -1.0, 1 - 2**-24, 2.0**-24, -(2.0**-24), 3 * 2.0**-24, 1e-30, 7.5, -7.5]
samples_of = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(0, 200)),
    elements=st.sampled_from(EDGES) | st.floats(-2, 2, width=32),
)


def plain_24_bits(samples, gain):
    """Return the nearest whole numbers, step by step."""
    steps = np.rint(samples * np.float32(gain) * np.float32(STEPS))
    return np.asarray(steps.clip(-STEPS, STEPS - 1), dtype=np.int32)


@settings(max_examples=60, deadline=None)
@given(samples_of, st.sampled_from([1.0, 0.9, 1 / 3, 1e-3]))
def test_24_bits_are_the_nearest_ones(samples, gain):
    before = samples.tobytes()
    found, expected = to_24_bits(samples, gain), plain_24_bits(samples, gain)
    assert found.dtype == np.int32
    assert found.tobytes() == expected.tobytes()
    stored = expected.astype(np.float32) / np.float32(STEPS)
    stored = stored if gain == 1 else stored / np.float32(gain)
    assert as_stored(samples, gain).tobytes() == stored.tobytes()
    assert samples.tobytes() == before


@pytest.fixture
def spooled(tmp_path, monkeypatch):
    """Return a spool of stretches of odd lengths, in blocks of 128 frames, and its samples."""
    monkeypatch.setattr(module, "_BLOCK", 128)
    x = np.random.default_rng(0).normal(0, 0.3, (3, 2, 1000)).astype(np.float32)
    x[1, 0, 700], x[1, 1, 3], x[2] = -2.5, 1.25, 0
    spool = Spool(tmp_path, ("a", "b", "c"))
    for part in np.split(x, [1, 1, 130, 386, 999], axis=2):
        spool.add(part)
    return spool, x


def test_what_is_added_is_read(spooled):
    spool, x = spooled
    assert spool.samples == 1000
    for stem, signal in zip("abc", x, strict=True):
        assert spool.read(stem)[:, :].tobytes() == signal.tobytes()
        assert spool.peaks[stem] == np.abs(signal).max()


@pytest.mark.parametrize("gain", [1.0, 0.3])
@pytest.mark.parametrize("stem", ["a", "b", "c"])
def test_what_is_encoded_is_the_sound_as_stored(spooled, tmp_path, stem, gain):
    spool, _ = spooled
    signal = spool.read(stem)[:, :]
    spool.encode(stem, tmp_path / "x.flac", gain)
    found, _ = soundfile.read(tmp_path / "x.flac", dtype="int32")
    assert (found >> 8).T.tobytes() == plain_24_bits(signal, gain).tobytes()
    again, _ = soundfile.read(tmp_path / "x.flac", dtype="float32")
    np.testing.assert_array_equal(again.T / np.float32(gain), as_stored(signal, gain))
    spool.encode(stem, tmp_path / "x.wav", gain, "FLOAT")
    again, _ = soundfile.read(tmp_path / "x.wav", dtype="float32")
    assert again.T.tobytes() == (signal * np.float32(gain)).tobytes()


def test_nothing_added_is_silence_of_no_length(tmp_path):
    spool = Spool(tmp_path, ("a",))
    spool.add(np.zeros((1, 2, 0), np.float32))
    assert (spool.samples, spool.peaks["a"]) == (0, 0.0)
    assert spool.read("a")[:, :].shape == (2, 0)
