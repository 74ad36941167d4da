"""Ideal ratio mask: what a soft time-frequency mask could do given the references."""

from __future__ import annotations

import torch
from torch import Tensor

from stemwise.models.base import WeightlessModel
from stemwise.models.stft import FrameStft
from stemwise.models.tiling import FrameTiling


class IdealRatioMaskModel(WeightlessModel):
    """Masks the mixture with |Xᵢ|^p / Σⱼ |Xⱼ|^p computed from the references.

    The IRM of the SiSEC 2018 oracles (Stöter, Liutkus, Ito 2018), p = 2 by default. A reference
    line, not a bound: networks that also estimate phase exceed it on drums and bass.
    """

    uses_references = True
    stems: tuple[str, ...] = ()

    def __init__(self, power: float = 2.0, n_fft: int = 2048, hop: int = 512) -> None:
        self.power = power
        self.tiling = FrameTiling(n_fft, hop, frames=256)
        self._stft = FrameStft(n_fft, hop, frames=256)

    def forward(self, chunks: Tensor) -> Tensor:
        """Map `(batch, (1 + stems)·channels, samples)`, mixture first, to the masked stems."""
        channels = 2
        spectra = self._stft.forward(chunks.reshape(len(chunks), -1, channels, chunks.shape[-1]))
        mixture, references = spectra[:, :1], spectra[:, 1:].abs() ** self.power
        total = references.sum(dim=1, keepdim=True)
        mask = references / total.clamp_min(torch.finfo(total.dtype).tiny)
        return self._stft.inverse(mixture * mask)

    def to(self, device: torch.device) -> None:
        """Move the window."""
        self._stft.to(device)
