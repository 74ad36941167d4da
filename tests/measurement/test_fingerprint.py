"""The fingerprint keeps what copies share, and is nothing where there is nothing to compare."""

import numpy as np
import pytest

from stemwise.measurement.fingerprint import BINS, FIRST, FOLD, fingerprint

RATE = 44_100


def noise(seconds=3.0, seed=0, channels=2):
    random = np.random.default_rng(seed)
    return random.standard_normal((channels, round(seconds * RATE))).astype(np.float32) / 8


def test_it_is_the_spectrum_of_the_whole_song_at_fixed_frequencies():
    """Against the sum that defines a Fourier transform, one frequency at a time."""
    song = noise(1.2)
    fade = 3 * FOLD
    window = np.ones(song.shape[1])
    window[:fade] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    window[-fade:] = window[:fade][::-1]
    mono = song.sum(axis=0, dtype=np.float64) * window
    hertz = (FIRST + np.arange(BINS)) * RATE / FOLD
    seconds = np.arange(len(mono)) / RATE
    energies = [abs(mono @ np.exp(-2j * np.pi * f * seconds)) ** 2 for f in hertz]
    expected = 10 * np.log10(energies / np.mean(energies))
    np.testing.assert_allclose(fingerprint(song), np.maximum(expected, -60), atol=6e-4)
    assert 1000 < hertz[0] < hertz[-1] < 4000


def test_gain_sign_silence_around_and_mono_change_nothing():
    song = noise()
    song[:, : RATE // 2] = song[:, -RATE // 2 :] = 0  # so that no fade meets sound
    expected = fingerprint(song)
    around = np.pad(song, ((0, 0), (1234, 99_999)))
    mono = song.mean(axis=0, keepdims=True)
    for copy in (song / 4, -song, around, mono, np.tile(mono, (2, 1))):
        np.testing.assert_allclose(fingerprint(copy), expected, atol=0.002)


@pytest.mark.parametrize(
    "song",
    [
        np.zeros((2, RATE), np.float32),
        np.zeros((2, 0), np.float32),
        np.ones((2, RATE), np.float32),
        np.tile(np.sin(2 * np.pi * 60 * np.arange(5 * RATE) / RATE), (2, 1)).astype(np.float32),
        noise(1, channels=1) * np.array([[1], [-1]], np.float32),
    ],
    ids=["silence", "empty", "constant", "bass", "cancelling"],
)
def test_where_there_is_nothing_to_compare_there_is_none(song):
    assert fingerprint(song) is None


@pytest.mark.parametrize("samples", [1, 3, 100, FOLD, FOLD + 1])
def test_very_short_songs_have_one_or_none(samples):
    found = fingerprint(noise()[:, :samples])
    assert found is None or (len(found) == BINS and np.isfinite(found).all())
