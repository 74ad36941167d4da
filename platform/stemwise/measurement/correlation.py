"""Gram matrices and correlations of one block of a track, in one pass over its samples.

`bss_sdr` needs Σₙ y[n]·x[n − k] for k = 0 … taps − 1 with n in the block. The block is cut into short
parts, whose spectra Y·conj(X) are added up before a single inverse transform. Transforms are long enough
that nothing wraps around into these lags, so they are exact up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from stemwise.core.types import Audio
from stemwise.measurement.gram import add, gram

Float = npt.NDArray[np.float64]
# At this length transforms cost the least per sample on the CPU: those of all signals fit its L2 cache.
_SIZE = 4096


class BlockCorrelator:
    """Correlates all signals with the first of them, the reference, each channel for itself.

    Args:
        signals: reference, then estimates, `(channels, samples)` each, of equal shape.
        block: samples of the longest block.
        taps: number of lags.
    """

    def __init__(self, signals: Sequence[Audio], block: int, taps: int) -> None:
        self._signals, self._taps = signals, taps
        parts = -(-block // max(_SIZE - taps + 1, taps))
        self.part = -(-block // parts)
        self.size = 1 << (self.part + taps - 2).bit_length()
        # the signals, then what surrounds the reference; an array and a tensor of the same memory
        self._rows = np.zeros((len(signals) + 1, signals[0].shape[0], self.size))
        self._tensor = torch.from_numpy(self._rows)

    def __call__(self, start: int, stop: int) -> tuple[Float, Float]:
        """Return what is known about the samples `start` … `stop` − 1.

        Returns:
            The packed Gram matrix `(k·(k + 1)/2,)` of the k signals (see `gram.py`), and the lags
            `(k, channels, taps)`, of which the first are the reference's own.
        """
        bins = (len(self._signals), self._rows.shape[1], self.size // 2 + 1)
        products, total = [], torch.zeros(bins, dtype=torch.complex128)
        for first in range(start, stop, self.part):
            self._fill(first, min(first + self.part, stop))
            products.append(gram(self._rows[:-1]))
            spectra = torch.fft.rfft(self._tensor)
            total.addcmul_(spectra[:-1], spectra[-1].conj().resolve_conj())
        lags: Float = torch.fft.irfft(total, self.size)[..., : self._taps].numpy().copy()
        return add(products), lags

    def _fill(self, start: int, stop: int) -> None:
        """Lay out a part: zeros after it, and what precedes it in the reference at the very end."""
        length, reference = stop - start, self._signals[0]
        for row, signal in zip(self._rows, self._signals, strict=False):
            row[:, :length] = signal[:, start:stop]
        self._rows[:-1, :, length : self.part] = 0
        before = reference[:, max(0, start - self._taps + 1) : start]
        around = self._rows[-1]
        around[:] = self._rows[0]
        around[:, self.size - before.shape[1] :] = before
