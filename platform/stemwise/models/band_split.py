"""Fixed frequency bands: what a three-way equaliser achieves as a separator."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from stemwise.core.errors import ConfigError
from stemwise.models.base import WeightlessModel
from stemwise.models.stft import FrameStft
from stemwise.models.tiling import FrameTiling


class BandSplitModel(WeightlessModel):
    """Splits the spectrum at fixed crossovers; the estimates sum to the mixture.

    `bands` maps a stem to its upper edge in Hz, in rising order (the last may be `.inf`). Crossovers
    are raised cosines over one octave, zero phase.
    """

    def __init__(
        self, stems: Sequence[str], bands: Mapping[str, float], n_fft: int = 4096, hop: int = 1024
    ) -> None:
        edges = [float(edge) for edge in bands.values()]
        rising = all(low < high for low, high in pairwise([0.0, *edges]))
        if not stems or tuple(bands) != tuple(stems) or not rising:
            raise ConfigError(
                f"band_split: bands {dict(bands)} must name the stems {list(stems)} in that order, "
                "with rising upper edges in Hz."
            )
        self.stems = tuple(stems)
        self.tiling = FrameTiling(n_fft, hop, frames=256)
        self._stft = FrameStft(n_fft, hop, frames=256)
        frequencies = torch.arange(n_fft // 2 + 1) * (self.sample_rate / n_fft)
        lows = torch.stack([_low_pass(frequencies, edge) for edge in [*edges[:-1], math.inf]])
        self._gains = torch.diff(lows, dim=0, prepend=torch.zeros(1, lows.shape[1]))

    def forward(self, chunks: Tensor) -> Tensor:
        """Apply each band's gain `(stems, bins)` to `(batch, channels, samples)`."""
        spectra = self._stft.forward(chunks)[:, None]
        return self._stft.inverse(spectra * self._gains[:, None, :, None])

    def to(self, device: torch.device) -> None:
        """Move gains and window."""
        self._stft.to(device)
        self._gains = self._gains.to(device)


def _low_pass(frequencies: Tensor, edge: float) -> Tensor:
    """Return 1 below edge/√2, 0 above edge·√2, a raised cosine over the octave between."""
    if math.isinf(edge):
        return torch.ones_like(frequencies)
    octaves = torch.log2(frequencies.clamp_min(1e-3) / edge).clamp(-0.5, 0.5)
    return 0.5 - 0.5 * torch.sin(math.pi * octaves)
