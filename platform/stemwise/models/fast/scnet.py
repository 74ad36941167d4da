"""SCNet (Tong et al. 2024) over pymss-core's parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.models.fast.convolutions import Compression, Expansion
from stemwise.models.fast.dual_path import DualPath
from stemwise.models.fast.layout import Pass, expect, fast_pass
from stemwise.models.fast.rows import full_precision


def scnet_pass(network: nn.Module) -> Pass:
    """Return the fast pass of an SCNet, or the network itself if its layout is not known."""
    return fast_pass(network, FastScnet)


class FastScnet:
    """Separates `(batch, channels, samples)` into `(batch, stems, channels, samples)`.

    Raises:
        UnknownLayoutError: the network has other parts.
    """

    def __init__(self, network: Any) -> None:
        expect(type(network).__name__ == "SCNet", type(network).__name__)
        self._stems, self._channels = len(network.sources), int(network.audio_channels)
        self._stft, self._hop = dict(network.stft_config), int(network.hop_length)
        device = next(network.parameters()).device
        # trained without a window, that is with a rectangular one
        self._window = torch.ones(self._stft["win_length"], device=device)
        self._encoder = [Compression(block) for block in network.encoder]
        self._dual_path = DualPath(network.separation_net)
        self._decoder = [Expansion(block) for block in network.decoder]

    def __call__(self, audio: Tensor) -> Tensor:
        """Return the stems."""
        with full_precision(audio):
            x = self._analysed(audio)
        saved: list[tuple[Tensor, list[int], list[int]]] = []
        for compress in self._encoder:
            x, skip, after, before = compress(x)
            saved.append((skip, after, before))
        x = self._dual_path(x)
        for expand in self._decoder:
            x = expand(x, *saved.pop())
        with full_precision(audio):
            return self._synthesised(x.float(), audio.shape[-1])

    def _analysed(self, audio: Tensor) -> Tensor:
        """Return rows: bins, frames (an odd number of them), parts of the channels."""
        batch, channels, length = audio.shape
        padded = functional.pad(audio.float(), (0, self._padding(length))).flatten(0, 1)
        spectrum = torch.stft(padded, **self._stft, window=self._window, return_complex=True)
        parts = torch.view_as_real(spectrum).reshape(batch, channels, *spectrum.shape[1:], 2)
        return parts.permute(0, 2, 3, 1, 4).flatten(3)

    def _synthesised(self, rows: Tensor, length: int) -> Tensor:
        spectra = torch.view_as_complex(rows.view(*rows.shape[:-1], -1, 2))
        flat = spectra.permute(0, 3, 1, 2).flatten(0, 1)
        sound: Tensor = torch.istft(flat, **self._stft, window=self._window)
        shaped = sound.reshape(-1, self._stems, self._channels, sound.shape[-1])
        return shaped[..., : shaped.shape[-1] - self._padding(length)]

    def _padding(self, length: int) -> int:
        """Return how many zeros follow: to a whole number of hops, an even number of them."""
        padding = self._hop - length % self._hop
        odd = (length + padding) // self._hop % 2 == 0
        return padding + self._hop if odd else padding
