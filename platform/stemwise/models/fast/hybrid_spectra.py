"""Spectra of Hybrid Demucs: frames aligned to a stride, real and imaginary parts as channels.

The package pads a chunk by reflection, lets `torch.stft` pad it again, and drops the frames at both
ends; frames without the second padding are the very same ones. On the way back every kept sample lies
under four Hann windows, whose squares sum to 3/2 at a hop of a quarter.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


class Spectra:
    """Analyses and synthesises with a Hann window of `size` samples and a hop of a quarter of it."""

    def __init__(self, size: int, device: torch.device) -> None:
        self._size, self._hop = size, size // 4
        self._margin = self._hop // 2 * 3
        self._window = torch.hann_window(size, device=device)

    def analyse(self, audio: Tensor) -> Tensor:
        """Return rows `(batch, bins, frames, channels·2)` of `(batch, channels, samples)`."""
        frames = math.ceil(audio.shape[-1] / self._hop)
        after = self._margin + frames * self._hop - audio.shape[-1]
        padded = _reflected(audio, self._margin, after).flatten(0, 1)
        spectrum = torch.stft(
            padded,
            self._size,
            self._hop,
            window=self._window,
            normalized=True,
            center=False,
            return_complex=True,
        )[:, :-1]
        parts = torch.view_as_real(spectrum).view(*audio.shape[:2], *spectrum.shape[1:], 2)
        return parts.permute(0, 2, 3, 1, 4).flatten(3)

    def synthesise(self, rows: Tensor, length: int) -> Tensor:
        """Return `(batch, channels, samples)` of rows `(batch, bins, frames, channels·2)`."""
        spectra = torch.view_as_complex(rows.reshape(*rows.shape[:3], -1, 2)).permute(0, 3, 2, 1)
        # the highest bin is zero: the transform adds it
        frames = torch.fft.irfft(spectra.contiguous(), n=self._size, norm="ortho")
        frames *= self._window / 1.5
        quarters = frames.view(*frames.shape[:3], 4, self._hop)
        count = frames.shape[2]
        sound: Tensor = frames.new_zeros(*frames.shape[:2], count + 3, self._hop)
        for quarter in range(4):
            sound[:, :, quarter : quarter + count] += quarters[:, :, :, quarter]
        return sound.flatten(2)[..., self._margin : self._margin + length]


def _reflected(x: Tensor, before: int, after: int) -> Tensor:
    """Pad by reflection; what is too short for that gets zeros at its ends first, as in demucs."""
    length = x.shape[-1]
    if length <= max(before, after):
        extra = max(before, after) - length + 1
        right = min(after, extra)
        x = functional.pad(x, (extra - right, right))
        before, after = before - (extra - right), after - right
    return functional.pad(x, (before, after), mode="reflect")
