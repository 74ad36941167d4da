"""Band-split RNN (Luo & Yu 2023, "Music Source Separation with Band-Split RNN"), from its paper.

The spectrum is cut into bands, each becomes a feature vector per frame (section II-A); recurrent
layers run along time and across bands in turn (II-B); a small network per band then estimates the
complex mask (II-C). One network separates one stem. Its authors published no weights and
reimplementations differ in details, so a checkpoint must have been trained with this class' layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from stemwise.core.errors import ConfigError
from stemwise.core.types import CHANNELS
from stemwise.models.msst import ReflectedModel

_RATE = 44_100
# Section III-B: up to each frequency in Hz, bands of this width; what lies above is one more band.
BANDS: dict[str, tuple[tuple[int, int], ...]] = {
    # "V7", the best of the paper's schemes for vocals, used for `other` too: 41 bands
    "vocals": ((1000, 100), (4000, 250), (8000, 500), (16000, 1000), (20000, 2000)),
    "bass": ((500, 50), (1000, 100), (4000, 500), (8000, 1000), (16000, 2000)),  # 30 bands
    "drums": ((1000, 50), (2000, 100), (4000, 250), (8000, 500), (16000, 1000)),  # 55 bands
}
BANDS["other"] = BANDS["vocals"]


def band_widths(scheme: str | Sequence[tuple[int, int]], n_fft: int) -> tuple[int, ...]:
    """Return the bins of each band, which add up to n_fft/2 + 1; a bin's centre decides its band.

    Raises:
        ConfigError: an unknown scheme, or one with bands narrower than a bin.
    """
    if isinstance(scheme, str) and scheme not in BANDS:
        raise ConfigError(f"There is no band scheme {scheme!r}: use {', '.join(BANDS)}, or a list.")
    parts = BANDS[scheme] if isinstance(scheme, str) else scheme
    edges, low = [0], 0
    for high, width in parts:
        edges += [top * n_fft // _RATE + 1 for top in range(low + width, high + 1, width)]
        low = high
    widths = tuple(stop - start for start, stop in pairwise([*edges, n_fft // 2 + 1]))
    if min(widths) < 1:
        raise ConfigError(
            f"The bands {parts} are narrower than the bins of an STFT of n_fft {n_fft}, or reach "
            "beyond half the sample rate: give wider ones."
        )
    return widths


class _Residual(nn.Module):
    """x + FC(BLSTM(group norm(x))) along one axis of `(rows, length, features)`."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, features)
        self.rnn = nn.LSTM(features, hidden, batch_first=True, bidirectional=True)
        self.project = nn.Linear(2 * hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        out: Tensor = x + self.project(self.rnn(normed)[0])
        return out


class Bsrnn(nn.Module):
    """Maps `(batch, 2, samples)` to one stem of the same shape by a complex mask on the STFT.

    Args:
        bands: a scheme of `BANDS`, or pairs of upper frequency and band width in Hz.
        features: N, the size of a band's feature vector.
        layers: pairs of one layer along time and one across bands.
        stereo: both channels in one input; otherwise each is separated alone, as in the paper.
        n_fft, hop: of the Hann STFT.
    """

    def __init__(
        self,
        bands: str | Sequence[tuple[int, int]] = "vocals",
        features: int = 128,
        layers: int = 12,
        stereo: bool = False,
        n_fft: int = 2048,
        hop: int = 512,
    ) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.channels = CHANNELS if stereo else 1
        self.widths = band_widths(bands, n_fft)
        sizes = [2 * self.channels * width for width in self.widths]  # real and imaginary parts
        self.split = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(size), nn.Linear(size, features)) for size in sizes
        )
        self.along_time = nn.ModuleList(_Residual(features, 2 * features) for _ in range(layers))
        self.across_bands = nn.ModuleList(_Residual(features, 2 * features) for _ in range(layers))
        self.mask = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(features),
                nn.Linear(features, 4 * features),
                nn.Tanh(),
                nn.Linear(4 * features, 2 * size),
                nn.GLU(),
            )
            for size in sizes
        )

    def forward(self, mixture: Tensor) -> Tensor:
        """Return the stem's samples, as many as came in."""
        batch, channels, length = mixture.shape
        window = torch.hann_window(self.n_fft, device=mixture.device)
        flat = mixture.reshape(-1, length)
        spectra = torch.stft(flat, self.n_fft, self.hop, window=window, return_complex=True)
        rows = spectra.reshape(-1, self.channels, *spectra.shape[1:])
        masked = spectra * self.masks(rows).flatten(0, 1)
        out = torch.istft(masked, self.n_fft, self.hop, window=window, length=length)
        return out.reshape(batch, channels, length)

    def masks(self, spectra: Tensor) -> Tensor:
        """Map complex spectra `(rows, channels, bins, frames)` to masks of the same shape."""
        parts = torch.view_as_real(spectra).permute(
            0, 3, 2, 1, 4
        )  # rows, frames, bins, channels, 2
        bands = [part.flatten(2) for part in torch.split(parts, list(self.widths), dim=2)]
        x = torch.stack([layer(b) for layer, b in zip(self.split, bands, strict=True)], dim=1)
        rows, count, frames, _ = x.shape
        for time, across in zip(self.along_time, self.across_bands, strict=True):
            x = time(x.flatten(0, 1)).reshape(rows, count, frames, -1).transpose(1, 2)
            x = across(x.flatten(0, 1)).reshape(rows, frames, count, -1).transpose(1, 2)
        shape = (rows, frames, -1, self.channels, 2)
        masks = [layer(x[:, k]).reshape(shape) for k, layer in enumerate(self.mask)]
        return torch.view_as_complex(torch.cat(masks, dim=2).permute(0, 3, 2, 1, 4).contiguous())


class BsrnnModel(ReflectedModel):
    """One stem by a BSRNN of your own.

    Args:
        checkpoint: its state dict, flat or nested.
        stems: the stem.
        network: arguments of `Bsrnn`.
        chunk: samples per chunk.
        num_overlap: how many chunks cover a sample.
        zscore: whether the track is standardised.

    Raises:
        ConfigError: more than one stem.
    """

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights (ConfigError where it should make several stems)."""
        if len(stems) != 1:
            raise ConfigError(
                f"A BSRNN separates one stem, not {', '.join(stems) or 'none'}: "
                "give stems: [NAME] and a checkpoint for each."
            )
        return Bsrnn(**network)
