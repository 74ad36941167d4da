"""Gram matrices per block of time: the sufficient statistics of every quadratic score.

For signals s₀ (reference), s₁ (mixture), s₂ … (estimates) a block stores ⟨sᵢ, sⱼ⟩, summed over
channels and samples in float64, as the upper triangle row by row: (0,0), (0,1), …, (1,1), … . From it
follow, without audio, the SNR and SI-SDR of each estimate and of any linear blend of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
# Squares of 24-bit samples end in 001 or in zeros, which long sums round off in one direction (4e-16 of
# the energy, 3e-9 dB of a score of 60 dB). In runs as short as this there is little to round.
_RUN = 512


def gram(signals: Float) -> Float:
    """Return the packed upper triangle `(k·(k+1)/2,)` of the Gram matrix of `(k, channels, samples)`.

    Each entry is a sum of BLAS products of short runs, computed alike for all, so equal signals give
    equal bits and a perfect estimate has a residual of exactly 0.
    """
    length = signals.shape[-1]
    whole = length - length % _RUN
    packed = _products(signals[..., :whole].reshape(*signals.shape[:-1], -1, _RUN))
    return packed if whole == length else packed + _products(signals[..., None, whole:])


def _products(runs: Float) -> Float:
    """Return the packed Gram matrix of `(k, channels, runs, samples)`."""
    products = [np.vecdot(row, runs[place:]).sum(axis=(1, 2)) for place, row in enumerate(runs)]
    return np.concatenate(products)


def add(packed: Sequence[Float]) -> Float:
    """Return the sum of Gram matrices without any error of its own but the last rounding.

    A score of 60 dB is what is left of six digits that cancel, so the sum must not lose any.
    """
    return np.array([math.fsum(values) for values in zip(*packed, strict=True)])


def pack(matrices: npt.ArrayLike) -> Float:
    """Return the packed upper triangles `(..., k·(k+1)/2)` of symmetric matrices `(..., k, k)`."""
    values = np.asarray(matrices, dtype=np.float64)
    return values[..., *np.triu_indices(values.shape[-1])]


def unpack(packed: npt.ArrayLike) -> Float:
    """Return symmetric matrices `(..., k, k)` from packed upper triangles `(..., k·(k+1)/2)`."""
    values = np.asarray(packed, dtype=np.float64)
    size = int((np.sqrt(8 * values.shape[-1] + 1) - 1) / 2)
    rows, columns = np.triu_indices(size)
    full = np.empty((*values.shape[:-1], size, size))
    full[..., rows, columns] = values
    full[..., columns, rows] = values
    return full
