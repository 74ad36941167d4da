"""Gram matrices per block of time: the sufficient statistics of every quadratic score.

For signals s₀ (reference), s₁ (mixture), s₂ … (estimates) a block stores ⟨sᵢ, sⱼ⟩, summed over
channels and samples in float64, as the upper triangle row by row: (0,0), (0,1), …, (1,1), … . From it
follow, without audio, the SNR and SI-SDR of each estimate and of any linear blend of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


def gram(signals: Float) -> Float:
    """Return the packed upper triangle `(k·(k+1)/2,)` of the Gram matrix of `(k, channels, samples)`.

    Each entry is a pairwise sum of products computed alike, so equal signals give equal bits and a
    perfect estimate has a residual of exactly 0.
    """
    flat = np.ascontiguousarray(signals.reshape(len(signals), -1))
    rows, columns = np.triu_indices(len(flat))
    return np.array([np.sum(flat[i] * flat[j]) for i, j in zip(rows, columns, strict=True)])


def unpack(packed: npt.ArrayLike) -> Float:
    """Return symmetric matrices `(..., k, k)` from packed upper triangles `(..., k·(k+1)/2)`."""
    values = np.asarray(packed, dtype=np.float64)
    size = int((np.sqrt(8 * values.shape[-1] + 1) - 1) / 2)
    rows, columns = np.triu_indices(size)
    full = np.empty((*values.shape[:-1], size, size))
    full[..., rows, columns] = values
    full[..., columns, rows] = values
    return full
