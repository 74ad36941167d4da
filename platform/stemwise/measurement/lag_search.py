"""By how many samples an estimate is late: where its correlation with the reference is largest.

Only the place of the maximum and the value there are wanted, so the correlations are made in float32
first. Where its error could hide the maximum, they are made once more in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt
import torch
from scipy import fft

from stemwise.core.types import Audio

Float = npt.NDArray[np.float64]
# Largest error of a correlation made in float32, relative to ‖x‖·‖y‖; less than a tenth of it was met.
ERROR = 4e-6
# Norms beyond these leave float32's range in products of spectra.
_SMALLEST, _LARGEST = 1e-9, 1e12
# Transforms of about this length cost the least per sample at 0.1 s of lag.
_SIZE = 1 << 15
_STRETCH = 1 << 16


def search(
    reference: Audio, estimates: Sequence[Audio], known: Float, norms: Float, max_lag: int
) -> tuple[npt.NDArray[np.int64], Float]:
    """Return lag and value of the largest |Σ y[n]·x[n − k]|, joint over channels, |k| ≤ max_lag.

    Args:
        reference: x, `(channels, samples)`.
        estimates: y, of the same shape each.
        known: the correlations of lags 0, 1, …, no more than max_lag, exact, `(estimates, lags)`.
        norms: ‖x‖·‖y‖, `(estimates,)`.
        max_lag: in samples.

    Returns:
        `(estimates,)` each; the first lag of several equal ones, so −max_lag for silence.
    """
    exact = slice(max_lag, max_lag + known.shape[1])
    found = np.zeros((len(estimates), 2 * max_lag + 1))
    error = np.zeros_like(found)
    rough = (norms > _SMALLEST) & (norms < _LARGEST)
    found[rough] = correlate(reference, list(compress(estimates, rough)), max_lag, torch.float32)
    error[rough] = ERROR * norms[rough, None]
    found[:, exact], error[:, exact] = known, 0
    unsure = (norms > 0) & (~rough | _hidden(np.abs(found), error))
    found[unsure] = correlate(reference, list(compress(estimates, unsure)), max_lag, torch.float64)
    peak = np.argmax(np.abs(found), axis=1)
    rows = np.arange(len(found))
    lag, value = peak - max_lag, found[rows, peak]
    for place in map(int, np.flatnonzero(~unsure & (error[rows, peak] > 0))):
        value[place] = _at(reference, estimates[place], int(lag[place]))
    return lag, value


def _hidden(size: Float, error: Float) -> npt.NDArray[np.bool_]:
    """Tell of each row whether another value than the largest may be the largest in truth."""
    rows = np.arange(len(size))
    peak = np.argmax(size, axis=1)
    surely = size[rows, peak] - error[rows, peak]
    most = size + error
    most[rows, peak] = -np.inf
    hidden: npt.NDArray[np.bool_] = most.max(axis=1, initial=-np.inf) >= surely
    return hidden


def correlate(
    reference: Audio, estimates: Sequence[Audio], max_lag: int, dtype: torch.dtype
) -> Float:
    """Return Σ y[n]·x[n − k] over channels for k = −max_lag … max_lag, `(estimates, lags)`.

    Args:
        reference: x, `(channels, samples)`.
        estimates: y, of the same shape each.
        max_lag: in samples.
        dtype: torch.float32 or torch.float64, in which it is computed.
    """
    channels, samples = reference.shape
    if not estimates:
        return np.zeros((0, 2 * max_lag + 1))
    part = max(1, min(samples, max(_SIZE - 2 * max_lag, 4 * max_lag)))
    size = int(fft.next_fast_len(part + 2 * max_lag, real=True))
    # estimates, then what surrounds the reference: many rows in one call cost less per row
    rows = torch.zeros(len(estimates) + 1, channels, size, dtype=dtype)
    total = torch.zeros(len(estimates), size // 2 + 1, dtype=dtype.to_complex())
    for start in range(0, samples, part):
        stop = min(start + part, samples)
        for row, estimate in zip(rows.numpy(), estimates, strict=False):
            row[:, : stop - start] = estimate[:, start:stop]
        rows[:-1, :, stop - start :] = 0
        _fill_around(rows.numpy()[-1], reference, start, part, max_lag)
        spectra = torch.fft.rfft(rows)
        conjugate = spectra[-1].conj().resolve_conj()
        for channel in range(channels):
            total.addcmul_(spectra[:-1, channel], conjugate[channel])
    lags = torch.fft.irfft(total, size).numpy()
    # lag k is at index k, a negative one at size + k
    found: Float = np.roll(lags, max_lag, axis=-1)[:, : 2 * max_lag + 1].astype(np.float64)
    return found


def _fill_around(
    around: npt.NDArray[np.floating], signal: Audio, start: int, part: int, halo: int
) -> None:
    """Lay out a part of `signal` and `halo` samples after it; those before it at the very end."""
    around[:] = 0
    inside, before = signal[:, start : start + part + halo], signal[:, max(0, start - halo) : start]
    around[:, : inside.shape[1]] = inside
    around[:, around.shape[1] - before.shape[1] :] = before


def _at(x: Audio, y: Audio, lag: int) -> float:
    """Return Σ y[n]·x[n − lag] over channels and samples in float64."""
    x, y = x[:, max(0, -lag) :], y[:, max(0, lag) :]
    length, total = min(x.shape[1], y.shape[1]), 0.0
    for start in range(0, length, _STRETCH):
        part = slice(start, min(start + _STRETCH, length))
        total += float(np.vdot(x[:, part].astype(np.float64), y[:, part].astype(np.float64)))
    return total
