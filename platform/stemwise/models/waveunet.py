"""Wave-U-Net as its paper describes it (Stoller, Ewert & Dixon 2018), trained with your own means.

Convolution and decimation by 2, level after level; then interpolation by 2, the features of the same
level, and convolution (table 1). The context-aware variant convolves without padding, so its output is
shorter than its input (section 3.2.2); the other pads with zeros. The authors' weights are TensorFlow's;
those of their later PyTorch version are another network (`waveunet_pytorch`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.core.errors import ConfigError
from stemwise.core.types import CHANNELS
from stemwise.models.context_model import ContextModel

_SLOPE = 0.2  # of LeakyReLU in the authors' code


class LinearInterpolation(nn.Module):
    """Between neighbours a and b it puts their mean; without context the last sample is repeated."""

    def forward(self, x: Tensor, full: bool) -> Tensor:
        """Map n samples to 2n − 1, or to 2n (`full`)."""
        after = torch.cat([x[..., 1:], x[..., -1:]], dim=-1) if full else x[..., 1:]
        return _interleave(x, (x[..., : after.shape[-1]] + after) / 2)


class LearnedInterpolation(nn.Module):
    """Between neighbours a and b it puts σ(w)·a + (1 − σ(w))·b, w learned per feature.

    Section 3.2.3. Without context zeros follow the last sample.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(features, 1))

    def forward(self, x: Tensor, full: bool) -> Tensor:
        """Map n samples to 2n − 1, or to 2n (`full`)."""
        share = torch.sigmoid(self.weight)
        after = functional.pad(x[..., 1:], (0, 1)) if full else x[..., 1:]
        return _interleave(x, share * x[..., : after.shape[-1]] + (1 - share) * after)


class WaveUNet(nn.Module):
    """Maps `(batch, 2, input_size)` to `(batch, sources, 2, output_size)`.

    Args:
        sources: how many.
        frames: samples of the output; the context-aware variant takes the next length that fits.
        levels, growth: how often the signal is decimated, and features that each level adds.
        down_kernel, up_kernel: samples of the convolutions on the way down and up.
        context: without padding; otherwise input and output are as long.
        upsampling: `linear` or `learned`.
        output: `difference` leaves the last source what the others leave of the mixture (section
            3.2.1); `direct` estimates all.
    """

    def __init__(
        self,
        sources: int,
        frames: int = 16_384,
        levels: int = 12,
        growth: int = 24,
        down_kernel: int = 15,
        up_kernel: int = 5,
        context: bool = True,
        upsampling: Literal["linear", "learned"] = "linear",
        output: Literal["difference", "direct"] = "difference",
    ) -> None:
        super().__init__()
        if upsampling not in ("linear", "learned") or output not in ("difference", "direct"):
            raise ConfigError(
                f"A Wave-U-Net has upsampling linear or learned, not {upsampling!r}, and output "
                f"difference or direct, not {output!r}."
            )
        if not context and frames % 2**levels:
            raise ConfigError(f"frames={frames} must be a multiple of {2**levels} without context.")
        self.context, self.difference = context, output == "difference"
        padding = "valid" if context else "same"
        widths = [CHANNELS, *(growth * level for level in range(1, levels + 2))]
        self.down = nn.ModuleList(
            nn.Conv1d(a, b, down_kernel, padding=padding) for a, b in pairwise(widths[:-1])
        )
        self.bottleneck = nn.Conv1d(widths[-2], widths[-1], down_kernel, padding=padding)
        self.interpolation = nn.ModuleList(
            LearnedInterpolation(width) if upsampling == "learned" else LinearInterpolation()
            for width in reversed(widths[2:])
        )
        self.up = nn.ModuleList(
            nn.Conv1d(below + same, same, up_kernel, padding=padding)
            for below, same in zip(reversed(widths[2:]), reversed(widths[1:-1]), strict=True)
        )
        made = sources - 1 if self.difference else sources
        self.output = nn.Conv1d(growth + CHANNELS, made * CHANNELS, 1)
        self.input_size, self.output_size = frames, frames
        if context:
            self.input_size, self.output_size = sizes(frames, levels, down_kernel, up_kernel)

    def forward(self, mixture: Tensor) -> Tensor:
        """Separate chunks of `input_size` samples."""
        shortcuts, x = [], mixture
        for convolution in self.down:
            x = functional.leaky_relu(convolution(x), _SLOPE)
            shortcuts.append(x)
            x = x[..., ::2]
        x = functional.leaky_relu(self.bottleneck(x), _SLOPE)
        for interpolate, convolution in zip(self.interpolation, self.up, strict=True):
            x = interpolate(x, not self.context)
            x = torch.cat([centre(shortcuts.pop(), x.shape[-1]), x], dim=1)
            x = functional.leaky_relu(convolution(x), _SLOPE)
        heard = centre(mixture, x.shape[-1])
        made = torch.tanh(self.output(torch.cat([heard, x], dim=1)))
        sources = made.reshape(len(made), -1, CHANNELS, made.shape[-1])
        if self.difference:
            sources = torch.cat([sources, heard[:, None] - sources.sum(dim=1, keepdim=True)], dim=1)
        return sources


class WaveUNetModel(ContextModel):
    """Wave-U-Net of the paper with weights of your own.

    Args:
        checkpoint: its state dict, flat or nested.
        stems: in the order of the network's output; with `output: difference` the last one is what the
            others leave.
        network: arguments of `WaveUNet`, but for `sources`.
    """

    def __init__(self, checkpoint: Path, stems: Sequence[str], network: Mapping[str, Any]) -> None:
        super().__init__(self.untrained(stems, network), checkpoint, stems)

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> WaveUNet:
        """Return the network without weights."""
        return WaveUNet(len(stems), **network)


def sizes(frames: int, levels: int, down_kernel: int, up_kernel: int) -> tuple[int, int]:
    """Return input and output samples of the network without padding, the output at least `frames`."""
    features = float(frames)
    for _ in range(levels):
        features = (features + up_kernel) / 2  # undo a convolution, then 2n − 1
    size = math.ceil(features)
    if size < 2:
        raise ConfigError(f"frames={frames} are too few for {levels} levels: give more.")
    heard, made = size + down_kernel - 1, size
    for _ in range(levels):
        heard = 2 * heard - 1 + down_kernel - 1
        made = 2 * made - 1 - (up_kernel - 1)
    return heard, made


def centre(x: Tensor, length: int) -> Tensor:
    """Return the middle of `(…, samples)`."""
    start = (x.shape[-1] - length) // 2
    return x[..., start : start + length]


def _interleave(x: Tensor, between: Tensor) -> Tensor:
    count = between.shape[-1]
    paired = torch.stack([x[..., :count], between], dim=-1).flatten(-2)
    return torch.cat([paired, x[..., count:]], dim=-1)
