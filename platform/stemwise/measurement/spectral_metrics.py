"""The spectral scores that users of Music-Source-Separation-Training know, from its definitions.

All lie in (0, 100], 100 for identical signals, and compare magnitudes only: phases, and so delays of a
few samples, hardly count. They are absolute, not relative: a quieter song scores higher.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import fft

from stemwise.core.types import SAMPLE_RATE, Audio

Float = npt.NDArray[np.float64]

_L1_SIZE, _MEL_SIZE, _HOP, _BANDS = 2048, 4096, 1024, 512
_RANGE_DB, _FLOOR = 80.0, 1e-10
_FRAMES_AT_ONCE = 256


def l1_freq(reference: Audio, estimate: Audio) -> float:
    """Return 100/(1 + 10·m), m the mean absolute difference of the magnitude spectrograms.

    2048 samples, hop 1024, no window, the ends reflected; mean over channels, bins and frames.

    Args:
        reference: `(channels, samples)`.
        estimate: of the same shape.
    """
    total, count = 0.0, 0
    spectra = (_magnitudes(x, _L1_SIZE, None, "reflect") for x in (reference, estimate))
    for x, y in zip(*spectra, strict=True):
        total, count = total + float(np.abs(y - x).sum()), count + x.size
    return 100 / (1 + 10 * total / count)


def bleedless_fullness(reference: Audio, estimate: Audio) -> tuple[float, float]:
    """Return 100/(1 + p) and 100/(1 + n) from the differences of the mel spectrograms in dB.

    p is the mean of the positive differences (estimate above reference: something bled in), n that of
    the negative ones (something is missing), each over the points where the sign occurs. 4096 samples,
    hop 1024, Hann, 512 mel bands; each spectrogram is cut off 80 dB below its own maximum.

    Args:
        reference: `(channels, samples)`.
        estimate: of the same shape.
    """
    difference = _mel_decibels(estimate) - _mel_decibels(reference)
    above, below = difference[difference > 0], difference[difference < 0]
    bleed = float(above.mean()) if above.size else 0.0
    missing = -float(below.mean()) if below.size else 0.0
    return 100 / (1 + bleed), 100 / (1 + missing)


def _mel_decibels(x: Audio) -> Float:
    """Return 20·log₁₀ of the mel spectrogram, `(channels, bands, frames)`."""
    # here, since it takes half a second to import, and each process of a run would
    from scipy.signal import get_window

    window, bands = get_window("hann", _MEL_SIZE), mel_bands(_MEL_SIZE, _BANDS)
    spectra = _magnitudes(x, _MEL_SIZE, window, "constant")
    mel = np.concatenate([bands @ part.swapaxes(1, 2) for part in spectra], axis=2)
    decibels: Float = 20 * np.log10(np.maximum(mel, _FLOOR))
    cut: Float = np.maximum(decibels, decibels.max() - _RANGE_DB)
    return cut


def _magnitudes(x: Audio, size: int, window: Float | None, ends: str) -> Iterator[Float]:
    """Yield the magnitudes `(channels, frames, bins)` of some frames at a time, centred every hop."""
    padded = np.pad(x, ((0, 0), (size // 2, size // 2)), mode=ends)  # type: ignore[call-overload]
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, ::_HOP]
    for start in range(0, frames.shape[1], _FRAMES_AT_ONCE):
        part = frames[:, start : start + _FRAMES_AT_ONCE].astype(np.float64)
        yield np.abs(fft.rfft(part if window is None else part * window, axis=-1))


def mel_bands(size: int, bands: int) -> Float:
    """Return triangular filters of unit area on Slaney's mel scale, `(bands, size // 2 + 1)`.

    The scale is linear below 1 kHz and logarithmic above (Slaney 1998, Auditory Toolbox); the filters
    reach from 0 Hz to half of 44.1 kHz.
    """
    corner, per_mel, step = 1000.0, 200 / 3, np.log(6.4) / 27
    top = corner / per_mel + np.log(SAMPLE_RATE / 2 / corner) / step
    mels = np.linspace(0, top, bands + 2)
    linear = per_mel * mels
    edges = np.where(linear < corner, linear, corner * np.exp(step * (mels - corner / per_mel)))
    bins = fft.rfftfreq(size, 1 / SAMPLE_RATE)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    triangles: Float = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return triangles
