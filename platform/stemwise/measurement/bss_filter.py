"""The distortion filter of BSS Eval: the best 512-tap filter from reference to estimate.

`bss_sdr` is the SDR of BSS Eval for sources (Vincent, Gribonval & Févotte 2006) applied per channel:
an estimate is projected on the span of its reference delayed by 0 … 511 samples, and the energies of
projection and remainder, summed over channels, form the ratio. On mono it equals fast_bss_eval's SDR
(Scheibler 2022) without diagonal loading.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import linalg

Float = npt.NDArray[np.float64]
TAPS = 512


def distortion_filters(auto: Float, cross: Float) -> Float:
    """Solve the Toeplitz normal equations of all estimates with one factorisation per channel.

    Args:
        auto: autocorrelation of the reference at lags 0 … TAPS − 1, `(channels, TAPS)`.
        cross: Σ x̂[n]·x[n − k] at the same lags, `(estimates, channels, TAPS)`.

    Returns:
        Filters `(estimates, channels, TAPS)`; 0 for a channel in which the reference is silent.
    """
    filters = np.zeros_like(cross)
    for channel, correlation in enumerate(auto):
        if correlation[0] > 0:
            factor = _factorise(correlation)
            filters[:, channel] = linalg.cho_solve(factor, cross[:, channel].T).T
    return filters


def _factorise(correlation: Float) -> tuple[Float, bool]:
    """Return the Cholesky factor of the Toeplitz matrix of `correlation`.

    A band-limited reference (AAC, mp3) makes the matrix singular up to rounding. Only then the
    diagonal is loaded, from 1e-14 of its value up to where the factorisation exists; the projection
    is computed from the resulting filter in the time domain, so the score stays a true lower bound.
    """
    matrix = linalg.toeplitz(correlation)
    load = 0.0
    while True:
        try:
            factor: tuple[Float, bool] = linalg.cho_factor(
                matrix + load * correlation[0] * np.eye(len(correlation)), lower=True
            )
        except linalg.LinAlgError:
            load = max(1e-14, 10 * load)
        else:
            return factor
