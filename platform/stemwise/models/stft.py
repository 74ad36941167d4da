"""Analysis and synthesis of one tile of STFT frames (see `tiling.FrameTiling`)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from stemwise.models.tiling import window_envelope


class FrameStft:
    """Hann STFT of a tile without padding, and the matching least-squares synthesis.

    Synthesis divides by Σ window² (Griffin & Lim 1984, eq. 6), so `inverse(forward(x))` is x wherever
    a frame reaches with non-zero window.
    """

    def __init__(self, n_fft: int, hop: int, frames: int) -> None:
        self.n_fft, self.hop, self.frames = n_fft, hop, frames
        self.window = torch.hann_window(n_fft)
        self.envelope = window_envelope(n_fft, hop, frames).clamp_min(1e-12)

    def to(self, device: torch.device) -> None:
        """Move window and envelope."""
        self.window, self.envelope = self.window.to(device), self.envelope.to(device)

    def forward(self, chunks: Tensor) -> Tensor:
        """Map `(..., samples)` to complex `(..., n_fft/2 + 1, frames)`."""
        frames: Tensor = chunks.unfold(-1, self.n_fft, self.hop) * self.window
        spectra: Tensor = torch.fft.rfft(frames, dim=-1)
        return spectra.transpose(-1, -2)

    def inverse(self, spectra: Tensor) -> Tensor:
        """Map complex `(..., n_fft/2 + 1, frames)` to `(..., samples)`."""
        lead = spectra.shape[:-2]
        frames = torch.fft.irfft(spectra.transpose(-1, -2), n=self.n_fft, dim=-1) * self.window
        columns = frames.reshape(-1, self.frames, self.n_fft).transpose(1, 2)
        length = (self.frames - 1) * self.hop + self.n_fft
        summed = functional.fold(columns, (1, length), (1, self.n_fft), stride=(1, self.hop))
        return summed.reshape(*lead, length) / self.envelope
