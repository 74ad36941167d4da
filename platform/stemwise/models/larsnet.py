"""LarsNet (Mezza, Giampiccolo, Bernardini & Sarti 2024, "Toward Deep Drum Source Separation").

One U-Net per part of a drum kit masks the magnitudes of 512 STFT frames at a time; the phase stays that
of the drums. Written here after section 4 of the paper, with the keys of the published checkpoints. Its
authors reflect a track at its ends; here frames that reach beyond it see silence (46 ms at each end).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.core.errors import ConfigError
from stemwise.models.base import Normalisation
from stemwise.models.checkpoints.state_dict import load_state
from stemwise.models.stft import FrameStft
from stemwise.models.tiling import FrameTiling

N_FFT, HOP, BINS, FRAMES = 4096, 1024, 2048, 512
_WIDTHS = (2, 16, 32, 64, 128, 256, 512)


class _Encoder(nn.Module):
    """5×5 convolution that halves both axes; returns it before and after norm and activation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=5, stride=2, padding=2)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skip: Tensor = self.conv(x)
        return skip, functional.leaky_relu(self.bn(skip), 0.2)


class _Decoder(nn.Module):
    """Transposed 5×5 convolution that doubles both axes, then ReLU and batch norm (in this order)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_trans = nn.ConvTranspose2d(
            inputs, outputs, kernel_size=5, stride=2, padding=2, output_padding=1
        )
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(functional.relu(self.conv_trans(x)))
        return out


class LarsUNet(nn.Module):
    """Estimates the mask `(batch, 2, bins, frames)` of one part from the magnitude of the drums.

    `bins` and `frames` must be multiples of 64, since six layers halve both.
    """

    def __init__(self, bins: int = BINS) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm2d(bins)
        for number, (inputs, outputs) in enumerate(pairwise(_WIDTHS), 1):
            self.add_module(f"enc{number}", _Encoder(inputs, outputs))
        widths = tuple(reversed(_WIDTHS))
        for number, outputs in enumerate(widths[1:], 1):
            # from the second on, a decoder hears the encoder of its size too
            inputs = widths[0] if number == 1 else 2 * widths[number - 1]
            self.add_module(f"dec{number}", _Decoder(inputs, outputs))
        self.mask_layer = nn.Sequential(
            nn.Conv2d(2, 2, kernel_size=4, dilation=2, padding=3), nn.Sigmoid()
        )

    def forward(self, magnitude: Tensor) -> Tensor:
        """Map `(batch, 2, bins, frames)` to the mask of the same shape."""
        x = self.input_norm(magnitude.transpose(1, 2)).transpose(1, 2)
        skips = []
        for number in range(1, 7):
            skip, x = self.get_submodule(f"enc{number}")(x)
            skips.append(skip)
        x = self.get_submodule("dec1")(skips.pop())
        for number in range(2, 7):
            x = self.get_submodule(f"dec{number}")(torch.cat([skips.pop(), x], dim=1))
        mask: Tensor = self.mask_layer(x)
        return mask


class LarsNetModel:
    """Kick, snare, toms, hi-hat and cymbals of a drum stem, each by a U-Net of its own.

    Raises:
        ConfigError: the number of checkpoints is not the number of stems.
        CheckpointError: a checkpoint that is not one of LarsNet's U-Nets.
    """

    sample_rate = 44_100
    normalisation: Normalisation = "none"
    uses_references = False

    def __init__(self, checkpoint: Path | Sequence[Path], stems: Sequence[str]) -> None:
        files = [checkpoint] if isinstance(checkpoint, Path) else list(checkpoint)
        if len(files) != len(stems):
            raise ConfigError(
                f"LarsNet needs one checkpoint per stem: {len(files)} files, {len(stems)} stems."
            )
        self.stems = tuple(stems)
        self.networks = nn.ModuleList(map(_load, files)).eval()
        self.tiling = FrameTiling(N_FFT, HOP, FRAMES)
        self._stft = FrameStft(N_FFT, HOP, FRAMES)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        spectra = self._stft.forward(chunks)
        magnitude = spectra[:, :, :BINS].abs()
        masks = torch.stack([network(magnitude) for network in self.networks], dim=1)
        masks = functional.pad(masks, (0, 0, 0, spectra.shape[2] - BINS))
        return self._stft.inverse(spectra[:, None] * masks)

    def to(self, device: torch.device) -> None:
        """Move networks and window."""
        self.networks.to(device)
        self._stft.to(device)


def _load(path: Path) -> LarsUNet:
    network = LarsUNet()
    load_state(network, path)
    return network
