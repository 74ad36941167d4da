"""Correlations of whole frames, at the lags that a distortion filter needs.

Within a frame (a second, silent outside), Σₙ y[n]·x[n − k] for k = 0 … taps − 1 holds all that there is
to know about filtering x towards y: energies of filtered frames are sums over these numbers, tails
included. The frame is cut into short parts, whose spectra are multiplied and added up before a single
inverse transform; that is several times cheaper than transforming the frame whole.
"""

from __future__ import annotations

import torch
from scipy import fft
from torch import Tensor

# Parts of about this many samples were the fastest of 1500 … 6300 on the CPU.
_PART = 2500


class FrameCorrelator:
    """Correlates frames of `window` samples at lags 0 … `taps` − 1, exactly up to rounding."""

    def __init__(self, window: int, taps: int) -> None:
        self.window, self.taps = window, taps
        self.parts = max(1, round(window / _PART))
        self.part = -(-window // self.parts)
        self.size = int(fft.next_fast_len(self.part + taps - 1, real=True))
        self.border_size = int(fft.next_fast_len(2 * taps, real=True))

    def inside(self, y: Tensor, x: Tensor) -> Tensor:
        """Return Σₙ y[n]·x[n − k] with both n and n − k inside the frame.

        Args:
            y: `(a, window)`, float64.
            x: `(b, window)`, float64.

        Returns:
            `(a, b, taps)`.
        """
        surplus = self.parts * self.part - self.window
        halo = torch.nn.functional.pad(x, (self.taps - 1, surplus))
        around = halo.unfold(-1, self.part + self.taps - 1, self.part)
        parts = torch.nn.functional.pad(y, (0, surplus)).reshape(len(y), self.parts, self.part)
        # index m of `around` is sample m − (taps − 1) of its part, hence lag k at taps − 1 − k
        return self._lags(parts, around, self.size)

    def across(self, y: Tensor, before: Tensor) -> Tensor:
        """Return Σₙ y[n]·x[n − k] with n inside the frame and n − k in the frame before it.

        Args:
            y: `(a, window)`, float64.
            before: the end of the frame before, `(b, taps − 1)`, zeros where there is none.

        Returns:
            `(a, b, taps)`; 0 at lag 0.
        """
        start = y[:, None, : self.taps - 1]
        return self._lags(start, before[:, None], self.border_size)

    def _lags(self, y: Tensor, x: Tensor, size: int) -> Tensor:
        """Correlate `(a, parts, …)` with `(b, parts, …)` that begin taps − 1 samples earlier."""
        # conj() is lazy, and multiplying lazily or by einsum is three times slower than copying
        left = torch.fft.rfft(y, size).permute(2, 0, 1).conj().resolve_conj().contiguous()
        right = torch.fft.rfft(x, size).permute(2, 1, 0).contiguous()
        spectrum = (left @ right).permute(1, 2, 0)
        lags: Tensor = torch.fft.irfft(spectrum, size)[..., : self.taps].flip(-1)
        return lags
