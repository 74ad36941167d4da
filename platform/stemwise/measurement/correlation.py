"""Correlations of a track, accumulated block by block in the frequency domain.

For each block of y and the stretch of x around it, conj(FFT(y))·FFT(x) is added up; the inverse
transform at the end gives Σₙ y[n]·x[n − k] over the whole track for all |k| ≤ max_lag, exactly (up to
rounding), because the transforms are long enough that nothing wraps around.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

Float = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]


class Correlator:
    """Accumulates auto- and cross-correlations of one reference and several estimates.

    Args:
        estimates: number of estimates.
        channels: channels, each correlated for itself.
        block: samples per block.
        max_lag: largest lag in samples; at least 511 for `bss_sdr`.
    """

    def __init__(self, estimates: int, channels: int, block: int, max_lag: int) -> None:
        self.block, self.max_lag = block, max_lag
        self.size = int(fft.next_fast_len(block + 2 * max_lag, real=True))
        bins = self.size // 2 + 1
        self._auto: Complex = np.zeros((channels, bins), dtype=np.complex128)
        self._cross: Complex = np.zeros((estimates, channels, bins), dtype=np.complex128)

    def transform(self, x: Float) -> Complex:
        """Return the FFT along the last axis at this correlator's size."""
        out: Complex = fft.rfft(x, self.size, axis=-1)
        return out

    def add(self, around: Complex, reference: Float, estimates: Float) -> None:
        """Add one block.

        Args:
            around: `transform` of the reference from `max_lag` samples before the block to `max_lag`
                after it, `(channels, bins)`.
            reference: the block itself, `(channels, samples)`.
            estimates: the block of every estimate, `(estimates, channels, samples)`.
        """
        self._auto += np.conj(self.transform(reference)) * around
        self._cross += np.conj(self.transform(estimates)) * around

    def auto(self) -> Float:
        """Return Σ x[n]·x[n − k] for k = 0 … max_lag, `(channels, max_lag + 1)`."""
        return self._lags(self._auto)[..., self.max_lag :]

    def cross(self) -> Float:
        """Return Σ x̂[n]·x[n − k] for k = −max_lag … max_lag, `(estimates, channels, lags)`."""
        return self._lags(self._cross)

    def _lags(self, spectrum: Complex) -> Float:
        # index m of the inverse transform is lag k = max_lag − m
        full: Float = fft.irfft(spectrum, self.size, axis=-1)
        return full[..., : 2 * self.max_lag + 1][..., ::-1]
