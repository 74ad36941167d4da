"""A song's fingerprint: what a copy of it keeps under another gain, codec, sample rate or start.

Stored are the levels of |X(f)|² at 256 fixed frequencies from 1 to 3.7 kHz, where X is the Fourier
transform of the *whole* song (its channels' sum). A later start changes only the phases of X; silence
around the song changes nothing; a cut of a few seconds changes as much as it takes of the energy. In a
song of n seconds the values of X that lie more than 1/n Hz apart are about independent (those of noise
have Rayleigh magnitudes), so that two recordings differ in 256 random numbers, however alike their
sound, level or length. Energies per second of time, which the measurements have anyway, could not tell
that: ten seconds have ten of them, a constant level has none, and half a second's shift changes all.

X at the multiples of 44100/4096 Hz is the transform of the song folded to 4096 samples, so the cost is
that of one pass of additions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stemwise.core.types import Audio

Float = npt.NDArray[np.float64]
FOLD = 4096  # samples; 10.8 Hz between frequencies
FIRST, BINS = 93, 256  # 1.0 … 3.75 kHz, which all codecs and rates keep
# fades at both ends, so that a cut in a note does not sound all over the spectrum
_FADE = 3 * FOLD
# of what the song's energy would give if all frequencies had alike of it; below is rounding
_LEAST = 1e-8
_FLOOR = 1e-6  # of the mean: levels stop there


def fingerprint(mixture: Audio) -> list[float] | None:
    """Return the levels of a song's spectrum in dB re their mean, `(256,)`.

    Args:
        mixture: `(channels, samples)` at 44.1 kHz.

    Returns:
        Levels rounded to 0.001 dB; None where there is nothing to compare at these frequencies
        (silence, a bass alone, channels that cancel).
    """
    energies = np.abs(np.fft.rfft(_folded(mixture))[FIRST : FIRST + BINS]) ** 2
    mean = float(energies.mean())
    if mean <= _LEAST * float(np.linalg.norm(mixture)) ** 2:
        return None
    relative = energies / mean
    levels: list[float] = np.round(10 * np.log10(np.maximum(relative, _FLOOR)), 3).tolist()
    return levels


def _folded(mixture: Audio) -> Float:
    """Return Σ_c y[n + c·FOLD] of the channels' sum y with faded ends, `(FOLD,)`."""
    samples = mixture.shape[1]
    fade = min(_FADE, samples // 4)
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(1, fade))
    pieces = {
        0: mixture[:, :fade] * rise,
        fade: mixture[:, fade : samples - fade],
        samples - fade: mixture[:, samples - fade :] * rise[::-1],
    }
    total = np.zeros(FOLD)
    for start, piece in pieces.items():
        whole = piece.shape[1] - piece.shape[1] % FOLD
        runs = piece[:, :whole].reshape(piece.shape[0], whole // FOLD, FOLD)
        folded = runs.sum(axis=(0, 1), dtype=np.float64)
        rest = piece[:, whole:].sum(axis=0, dtype=np.float64)
        folded[: len(rest)] += rest
        total += np.roll(folded, start % FOLD)
    return total
