"""The Wave-U-Net of the authors' PyTorch version, which trained on (github.com/f90/Wave-U-Net-Pytorch).

It has what the paper's lacks (resampling by a low-pass filter, normalisation, a network per stem) and
not its output layers. The names of its parameters are those of the authors' checkpoints, which nest them
under `model_state_dict`. Convolutions are never padded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.core.errors import ConfigError
from stemwise.core.types import CHANNELS
from stemwise.models.context_model import ContextModel
from stemwise.models.waveunet import centre

_FILTER = 15  # samples of the low-pass filter
_GROUP = 8  # channels that are normalised together
ConvType = Literal["gn", "bn", "normal"]
Resampling = Literal["fixed", "learned"]


class _Layer(nn.Module):
    """Convolution without padding (or its transpose), normalisation, activation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, kind: ConvType, stride: int = 1
    ) -> None:
        super().__init__()
        self.filter = self._filter(inputs, outputs, kernel, stride)
        if kind == "gn":
            self.norm: nn.Module = nn.GroupNorm(outputs // _GROUP, outputs)
        elif kind == "bn":
            self.norm = nn.BatchNorm1d(outputs)

    @staticmethod
    def _filter(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
        return nn.Conv1d(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        x = self.filter(x)
        return functional.relu(self.norm(x)) if hasattr(self, "norm") else functional.leaky_relu(x)


class _TransposedLayer(_Layer):
    @staticmethod
    def _filter(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
        return nn.ConvTranspose1d(inputs, outputs, kernel, stride, padding=kernel - 1)


class _Decimation(nn.Module):
    """Low-pass filter, then every `stride`-th sample: (n − 1)·stride + 1 samples become n."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.filter = nn.Parameter(low_pass(stride).repeat(channels, 1, 1), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (_FILTER // 2, _FILTER // 2), mode="reflect")
        return functional.conv1d(x, self.filter, stride=self.stride, groups=len(self.filter))


class _Interpolation(_Decimation):
    """Zeros between the samples, then the low-pass filter: n samples become (n − 1)·stride + 1."""

    def forward(self, x: Tensor) -> Tensor:
        wanted = (x.shape[-1] - 1) * self.stride + 1
        x = functional.pad(x, (_FILTER // 2, _FILTER // 2), mode="reflect")
        groups = len(self.filter)
        return centre(
            functional.conv_transpose1d(x, self.filter, stride=self.stride, groups=groups), wanted
        )


class _Down(nn.Module):
    def __init__(
        self,
        inputs: int,
        same: int,
        outputs: int,
        kernel: int,
        stride: int,
        kind: ConvType,
        fixed: bool,
    ) -> None:
        super().__init__()
        self.pre_shortcut_convs = nn.ModuleList([_Layer(inputs, same, kernel, kind)])
        self.post_shortcut_convs = nn.ModuleList([_Layer(same, outputs, kernel, kind)])
        learned = _Layer(outputs, outputs, kernel, kind, stride)
        self.downconv = _Decimation(outputs, stride) if fixed else learned

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shortcut = self.pre_shortcut_convs[0](x)
        return self.downconv(self.post_shortcut_convs[0](shortcut)), shortcut


class _Up(nn.Module):
    def __init__(
        self, inputs: int, same: int, kernel: int, stride: int, kind: ConvType, fixed: bool
    ) -> None:
        super().__init__()
        learned = _TransposedLayer(inputs, inputs, kernel, kind, stride)
        self.upconv = _Interpolation(inputs, stride) if fixed else learned
        self.pre_shortcut_convs = nn.ModuleList([_Layer(inputs, same, kernel, kind)])
        self.post_shortcut_convs = nn.ModuleList([_Layer(2 * same, same, kernel, kind)])

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        x = self.pre_shortcut_convs[0](self.upconv(x))
        out: Tensor = self.post_shortcut_convs[0](
            torch.cat([centre(shortcut, x.shape[-1]), x], dim=1)
        )
        return out


class _UNet(nn.Module):
    def __init__(
        self,
        outputs: int,
        widths: Sequence[int],
        kernel: int,
        stride: int,
        kind: ConvType,
        fixed: bool,
    ) -> None:
        super().__init__()
        rest = (kernel, stride, kind, fixed)
        inputs = [CHANNELS, *widths[1:-1]]
        self.downsampling_blocks = nn.ModuleList(
            _Down(a, b, c, *rest) for a, b, c in zip(inputs, widths[:-1], widths[1:], strict=True)
        )
        self.upsampling_blocks = nn.ModuleList(
            _Up(below, same, *rest)
            for below, same in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.bottlenecks = nn.ModuleList([_Layer(widths[-1], widths[-1], kernel, kind)])
        self.output_conv = nn.Conv1d(widths[0], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        shortcuts = []
        for down in self.downsampling_blocks:
            x, shortcut = down(x)
            shortcuts.append(shortcut)
        x = self.bottlenecks[0](x)
        for up in self.upsampling_blocks:
            x = up(x, shortcuts.pop())
        out: Tensor = self.output_conv(x)
        return out.clamp(-1, 1)


class PytorchWaveUNet(nn.Module):
    """Maps `(batch, 2, input_size)` to `(batch, stems, 2, output_size)`.

    Args:
        instruments: names of the stems as in the checkpoint's keys, in the order of the output.
        frames: samples of the output; the next length that fits is taken.
        features, levels, growth: channels of the first level, how many levels, and whether each has
            that many more (`add`) or twice as many (`double`).
        kernel_size, strides: of the convolutions, and of the decimation between levels.
        conv_type: normalisation by group (`gn`), by batch (`bn`), or none (`normal`).
        res: resampling by a low-pass filter (`fixed`) or a convolution (`learned`).
        separate: a network per stem; otherwise one for all.
    """

    def __init__(
        self,
        instruments: Sequence[str],
        frames: int = 88_200,
        features: int = 32,
        levels: int = 6,
        growth: Literal["add", "double"] = "double",
        kernel_size: int = 5,
        strides: int = 4,
        conv_type: ConvType = "gn",
        res: Resampling = "fixed",
        separate: bool = True,
    ) -> None:
        super().__init__()
        _check("growth", growth, ("add", "double"))
        _check("conv_type", conv_type, get_args(ConvType))
        _check("res", res, get_args(Resampling))
        scale = [level if growth == "add" else 2 ** (level - 1) for level in range(1, levels + 1)]
        widths = [features * factor for factor in scale]
        outputs = CHANNELS if separate else CHANNELS * len(instruments)
        names = list(instruments) if separate else ["ALL"]
        self.waveunets = nn.ModuleDict(
            {
                name: _UNet(outputs, widths, kernel_size, strides, conv_type, res == "fixed")
                for name in names
            }
        )
        self.input_size, self.output_size = sizes(
            frames, levels, kernel_size, strides, res == "fixed"
        )

    def forward(self, mixture: Tensor) -> Tensor:
        """Separate chunks of `input_size` samples."""
        out = torch.cat([network(mixture) for network in self.waveunets.values()], dim=1)
        return out.reshape(len(out), -1, CHANNELS, out.shape[-1])


class PytorchWaveUNetModel(ContextModel):
    """Wave-U-Net by a checkpoint of the authors' PyTorch version.

    Args:
        checkpoint: as their training writes it.
        stems: names of the instruments in its keys; without `separate`, in the order of the output.
        network: arguments of `PytorchWaveUNet`, but for `instruments`.
    """

    def __init__(self, checkpoint: Path, stems: Sequence[str], network: Mapping[str, Any]) -> None:
        super().__init__(self.untrained(stems, network), checkpoint, stems)

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> PytorchWaveUNet:
        """Return the network without weights."""
        return PytorchWaveUNet(stems, **network)


def sizes(frames: int, levels: int, kernel: int, stride: int, fixed: bool) -> tuple[int, int]:
    """Return input and output samples, the output at least `frames`.

    Raises:
        ConfigError: convolutions that leave nothing at such a stride.
    """
    lost = kernel - 1
    for bottleneck in count(2):
        heard, made, grew = bottleneck + lost, bottleneck, True
        for _ in range(levels - 1):
            before = made
            made = (made - 1) * stride + 1 - (2 if fixed else 3) * lost
            grew = grew and made > before
            heard = (heard - 1) * stride + 1 + (2 if fixed else 3) * lost
        if grew and made >= frames:
            return heard, made
        if bottleneck > frames + levels * 3 * kernel:
            break
    raise ConfigError(
        f"A Wave-U-Net with kernels of {kernel} and strides of {stride} has no output of {frames} "
        "samples: give other ones."
    )


def _check(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ConfigError(f"A Wave-U-Net's {name} is {' or '.join(choices)}, not {value!r}.")


def low_pass(stride: int) -> Tensor:
    """Return the filter with which training begins: a windowed sinc of cut-off 1/(2·stride), sum 1."""
    places = torch.arange(_FILTER) - _FILTER // 2
    window = torch.blackman_window(_FILTER, periodic=False) + math.ulp(1.0)
    made = torch.sinc(places / stride) * window
    return made / made.sum()
