"""The mouth: formants of vowels, transitions between them, and the noises of consonants."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from stemwise.core.types import SAMPLE_RATE
from stemwise.datasets.synthesis.signals import Floats, Mono, Rng, band, curve, samples_of, white

# Centre frequencies (Hz) of an adult male's first three formants; F4 and F5 hardly move.
_VOWELS = {
    "i": (290, 2_250, 2_950),
    "e": (500, 1_850, 2_500),
    "ae": (660, 1_700, 2_400),
    "a": (730, 1_120, 2_450),
    "o": (500, 880, 2_500),
    "u": (320, 900, 2_250),
    "uh": (610, 1_230, 2_480),
    "er": (480, 1_340, 1_720),
}
NEUTRAL = (500.0, 1_500.0, 2_500.0)
# Where formants start from when lips, teeth or palate open (the "loci" of consonants).
_LOCI = {
    "b": (250, 800, 2_200),
    "m": (250, 1_000, 2_200),
    "w": (280, 650, 2_200),
    "f": (300, 1_100, 2_300),
    "d": (250, 1_750, 2_700),
    "t": (300, 1_800, 2_700),
    "s": (300, 1_700, 2_600),
    "n": (250, 1_500, 2_500),
    "l": (350, 1_200, 2_700),
    "r": (350, 1_200, 1_650),
    "sh": (300, 1_950, 2_500),
    "k": (280, 2_000, 2_250),
}
_UPPER = ((3_450.0, 170.0), (4_400.0, 250.0))
_BANDWIDTHS = (70.0, 90.0, 130.0)
# Consonant → (low Hz, high Hz, loudness, length s, hiss?): a hiss swells, a burst bursts.
_NOISES = {
    "s": (4_800, 10_500, 0.55, 0.1, True),
    "sh": (2_200, 7_000, 0.5, 0.1, True),
    "f": (1_500, 9_000, 0.12, 0.08, True),
    "h": (600, 3_500, 0.12, 0.06, True),
    "t": (3_000, 9_000, 0.7, 0.03, False),
    "k": (1_400, 3_500, 0.6, 0.03, False),
    "d": (2_500, 6_000, 0.3, 0.015, False),
    "b": (300, 1_200, 0.3, 0.015, False),
}
# How far the voice closes for a consonant: 1 stays open, 0 is silence.
OPENNESS = {"": 0.75, "l": 0.5, "m": 0.4, "n": 0.4, "r": 0.6, "w": 0.6, "d": 0.08, "b": 0.08}
_FRAME = 1_024
_HOP = 512
_FFT = 2_048
_BINS = 600  # a voice has nothing to say above 13 kHz
_GAIN = 0.25  # brings the vowels to the loudness that the consonants' noises are given in


def vowel(name: str) -> tuple[float, float, float]:
    """Return the first three formants of a vowel in Hz (male)."""
    return _VOWELS[name]


def locus(onset: str) -> tuple[float, float, float] | None:
    """Return where a consonant's transition starts, or None where it has no place of its own."""
    return _LOCI.get(onset)


def consonant(onset: str, rng: Rng) -> tuple[float, Mono] | None:
    """Return a consonant's noise and how long before the vowel it starts, or None."""
    if onset not in _NOISES:
        return None
    low, high, loudness, length_s, hiss = _NOISES[onset]
    length_s *= float(rng.uniform(0.8, 1.2))
    n = samples_of(length_s + 0.02)
    knots = [0, 0.45 * length_s, length_s, length_s + 0.02]
    if hiss:
        shape = curve(knots, [0, 1, 0.8, 0], n)
    else:
        shape = curve([0, 0.001, length_s, length_s + 0.02], [0, 1, 0.15, 0], n)
    return length_s, loudness * float(rng.uniform(0.7, 1.1)) * shape * band(
        white(n, rng), low, high
    )


def breath(rng: Rng) -> Mono:
    """Return an inhalation of about a third of a second (to be shaped by the tract)."""
    length = float(rng.uniform(0.22, 0.38))
    n = samples_of(length)
    return curve([0, 0.7 * length, length], [0, 1, 0], n) * white(n, rng)


def shape(source: Mono, times_s: list[float], formants: Floats, size: float) -> Mono:
    """Filter a source by formants that move.

    `formants` is `(points, 3)` Hz at `times_s`; `size` scales all resonances (1 is an adult male,
    about 1.17 an adult female, whose tract is shorter). Frames of 23 ms are multiplied by the
    tract's transfer function and overlapped.
    """
    frames = -(-len(source) // _HOP) + 1
    padded = np.zeros((frames + 1) * _HOP, dtype=np.float32)
    padded[_HOP : _HOP + len(source)] = source
    window = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP] * window
    moments = np.arange(len(cut)) * _HOP / SAMPLE_RATE
    tracks = np.stack([np.interp(moments, times_s, formants[:, i]) for i in range(3)], axis=1)
    spectra = fft.rfft(cut, _FFT, axis=1)
    spectra[:, :_BINS] *= _transfer(tracks, size)
    spectra[:, _BINS:] = 0
    shaped = fft.irfft(spectra, _FFT, axis=1)
    return _overlap(np.asarray(shaped, dtype=np.float32))[_HOP : _HOP + len(source)]


def _overlap(frames: npt.NDArray[np.float32]) -> Mono:
    """Add frames of `_FFT` samples at distances of `_HOP`."""
    parts = _FFT // _HOP
    out = np.zeros((len(frames) + parts, _HOP), dtype=np.float32)
    for part in range(parts):
        out[part : part + len(frames)] += frames[:, part * _HOP : (part + 1) * _HOP]
    return out.ravel()


def _transfer(tracks: Floats, size: float) -> npt.NDArray[np.complex64]:
    """Cascade the resonances: `(frames, 3)` Hz → `(frames, bins)`."""
    f = fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)[:_BINS].astype(np.float32)
    resonances = np.ones((len(tracks), len(f)), dtype=np.complex64)
    for index, bandwidth in enumerate(_BANDWIDTHS):
        centre = (tracks[:, index : index + 1] * size).astype(np.float32)
        # (centre² − f² + i·f·bandwidth) / centre², whose product is inverted once, at the end.
        resonances *= 1 - (f / centre) ** 2 + 1j * (f / centre**2 * np.float32(bandwidth * size))
    out: npt.NDArray[np.complex64] = _fixed(f, size) / resonances
    return out


def _fixed(f: Mono, size: float) -> npt.NDArray[np.complex64]:
    """Return the resonances that do not move: F4, F5, the many above, a treble boost. `(bins,)`"""
    # Engineers lift the presence and air of a voice, so that its words carry through the band.
    out = (_GAIN * (1 + (f / 2_400) ** 2)).astype(np.complex64)
    higher = tuple((5_500.0 + 1_000 * i, 400.0 + 150 * i) for i in range(6))
    for centre, bandwidth in (*_UPPER, *higher):
        c = centre * size
        out *= (c**2 / (c**2 - f**2 + 1j * f * bandwidth * size)).astype(np.complex64)
    return out
