"""Inner products of signals that lie on disk: what predictions and promises are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stemwise.audio.raw import Signal

_BLOCK = 1 << 15  # frames whose products stay in the CPU's cache


def products(signals: Sequence[Signal]) -> npt.NDArray[np.float64]:
    """Return the inner products of signals `(channels, samples)`, over channels and samples."""
    total = np.zeros((len(signals), len(signals)))
    for start in range(0, signals[0].shape[1], _BLOCK):
        rows = np.stack([signal[:, start : start + _BLOCK] for signal in signals])
        block = rows.reshape(len(signals), -1).astype(np.float64)
        total += block @ block.T
    return total
