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
from stemwise.measurement.references import across

Float = npt.NDArray[np.float64]
# Transforms of this length cost the least per sample on the CPU, and less in calls of this many rows,
# whose memory stays in its caches.
_SIZE, _ROWS = 4096, 36


class BlockCorrelator:
    """Correlates all signals with the first of them, the reference, each channel for itself.

    Args:
        signals: reference, then estimates, `(channels, samples)` each, of equal shape.
        block: samples of the longest block.
        taps: number of lags.
        beside: further signals, of which only the inner products with `signals` are wanted.
    """

    def __init__(
        self, signals: Sequence[Audio], block: int, taps: int, beside: Sequence[Audio] = ()
    ) -> None:
        self._signals, self._taps, self._beside = signals, taps, beside
        parts = -(-block // max(_SIZE - taps + 1, taps))
        self.part = -(-block // parts)
        self.size = 1 << (self.part + taps - 2).bit_length()
        channels, rows = signals[0].shape[0], len(signals) + 1
        # some parts of the signals, and what surrounds the reference; array and tensor share memory
        together = min(parts, -(-_ROWS // (rows * channels)))
        self._parts = np.zeros((together, rows, channels, self.size))
        self._tensor = torch.from_numpy(self._parts)
        self._others = np.zeros((len(beside), channels, self.part))

    def __call__(self, start: int, stop: int) -> tuple[Float, Float, Float]:
        """Return what is known about the samples `start` … `stop` − 1.

        Returns:
            The packed Gram matrix `(k·(k + 1)/2,)` of the k signals (see `gram.py`); the lags
            `(k, channels, taps)`, of which the first are the reference's own; and the products of the
            signals with those beside, `(k, beside)`.
        """
        bins = (len(self._signals), self._parts.shape[2], self.size // 2 + 1)
        products, outside = [], np.zeros((len(self._signals), len(self._beside)))
        total = torch.zeros(bins, dtype=torch.complex128)
        places = range(start, stop, self.part)
        for place in range(0, len(places), len(self._parts)):
            group = places[place : place + len(self._parts)]
            for rows, first in zip(self._parts, group, strict=False):
                self._fill(rows, first, min(first + self.part, stop))
                products.append(gram(rows[:-1]))
                outside += self._across(rows[:-1], first, min(first + self.part, stop))
            for spectra in torch.fft.rfft(self._tensor[: len(group)]):
                total.addcmul_(spectra[:-1], spectra[-1].conj().resolve_conj())
        lags: Float = torch.fft.irfft(total, self.size)[..., : self._taps].numpy().copy()
        return add(products), lags, outside

    def _across(self, rows: Float, start: int, stop: int) -> Float:
        """Return the products of a part's signals with those beside."""
        if not self._beside:
            return np.zeros((len(rows), 0))
        others = self._others[..., : stop - start]
        for row, signal in zip(others, self._beside, strict=True):
            row[:] = signal[:, start:stop]
        return across(rows[..., : stop - start], others)

    def _fill(self, rows: Float, start: int, stop: int) -> None:
        """Lay out a part: zeros after it, and what precedes it in the reference at the very end."""
        length, reference = stop - start, self._signals[0]
        for row, signal in zip(rows, self._signals, strict=False):
            row[:, :length] = signal[:, start:stop]
        rows[:-1, :, length : self.part] = 0
        before = reference[:, max(0, start - self._taps + 1) : start]
        rows[-1] = rows[0]
        rows[-1, :, self.size - before.shape[1] :] = before
