"""The STFT that ensembles work on: in blocks of any length, with the result of the whole signal.

Frames are centred on multiples of the hop, and there is silence before and after the signal, as in
librosa's `stft(center=True, pad_mode="constant")`, which MSST and UVR call. The inverse is the least
squares one (Griffin & Lim 1984, eq. 6): overlap-add of windowed frames over the sum of squared windows.
All frames exist, those that begin before the signal too, so that this sum repeats with each hop.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.fft

from stemwise.core.errors import ConfigError
from stemwise.core.types import Audio

Bins = npt.NDArray[np.complex64]
_LARGEST = 1 << 16


@dataclass(frozen=True)
class Framing:
    """Frames of `n_fft` samples under a Hann window, `hop` samples apart.

    Raises:
        ConfigError: no such frames overlap and are centred on multiples of the hop.
    """

    n_fft: int
    hop: int

    def __post_init__(self) -> None:
        whole = all(type(value) is int and value > 0 for value in (self.n_fft, self.hop))
        if not whole or self.n_fft > _LARGEST or self.n_fft % (2 * self.hop):
            raise ConfigError(
                f"n_fft={self.n_fft} and hop={self.hop} are not usable: n_fft must be a multiple of "
                f"2·hop, at most {_LARGEST}, such as 2048 and 1024."
            )

    @property
    def bins(self) -> int:
        """Frequencies from 0 to half the sample rate."""
        return self.n_fft // 2 + 1

    @property
    def margin(self) -> int:
        """Samples before and after a block that frames across its edges need."""
        return self.n_fft - self.hop

    @cached_property
    def window(self) -> Audio:
        """The periodic Hann window, `(n_fft,)`."""
        phase = 2 * np.pi * np.arange(self.n_fft) / self.n_fft
        return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)

    def analyse(self, signal: Audio) -> Bins:
        """Return the frames `(…, frames, bins)` that lie wholly in a signal `(…, samples)`."""
        frames = np.lib.stride_tricks.sliding_window_view(signal, self.n_fft, axis=-1)
        windowed = frames[..., :: self.hop, :] * self.window
        found: Bins = scipy.fft.rfft(windowed, axis=-1)
        return found

    def synthesise(self, bins: Bins) -> Audio:
        """Return what lies under all frames that its samples need, `margin` less at either end.

        Args:
            bins: `(…, frames, bins)`, of consecutive frames.
        """
        frames = scipy.fft.irfft(bins, self.n_fft, axis=-1) * self.window
        shifts = self.n_fft // self.hop
        parts = frames.reshape(*frames.shape[:-1], shifts, self.hop)
        count = frames.shape[-2] - shifts + 1
        total = np.zeros((*frames.shape[:-2], count, self.hop), np.float32)
        for shift in range(shifts):  # the part of each frame that falls on the same hop
            first = shifts - 1 - shift
            total += parts[..., first : first + count, shift, :]
        total /= np.square(self.window).reshape(shifts, self.hop).sum(axis=0)
        made: Audio = total.reshape(*total.shape[:-2], count * self.hop)
        return made
