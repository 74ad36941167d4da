"""The convolutions of SCNet's encoder and decoder (Tong et al. 2024, section 2.1), channels last.

Rows are `(batch, frequency, time, channels)`: what a convolution calls channels-last, and what products,
gates and recurrences along either axis take as it is.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.models.fast.affine import affine
from stemwise.models.fast.layout import expect, expect_children
from stemwise.models.fast.normalisation import standardised
from stemwise.models.fast.rows import convolved

# Numbers of a block of frequencies per thread, about what a second-level cache holds.
_BLOCK = 1 << 18


class Convolution:
    """A 2-D convolution of rows with a weight `(outputs, inputs/groups, frequency, time)`."""

    def __init__(self, like: Any, weight: Tensor, padding: tuple[int, int]) -> None:
        self._weight = weight.detach().contiguous(memory_format=torch.channels_last)
        self._bias = like.bias
        self._padding, self._stride = padding, like.stride
        self._groups = int(like.groups)
        expect(like.padding_mode == "zeros" and set(like.dilation) == {1}, "dilated convolution")
        if len(self._stride) == 1:
            self._stride = (1, *self._stride)

    def __call__(self, rows: Tensor) -> Tensor:
        """Convolve rows."""
        return convolved(
            rows, self._weight, self._bias, self._stride, self._padding, groups=self._groups
        )


class ConvolutionModule:
    """Residual convolutions along time, every frequency for itself."""

    def __init__(self, module: Any) -> None:
        self._layers: list[tuple[Any, Any, Any, Any, Any]] = []
        for layer in module.layers:
            kinds = (nn.GroupNorm, nn.Conv1d, nn.GLU, nn.Conv1d, nn.GroupNorm, "Swish", nn.Conv1d)
            parts: list[Any] = expect_children(layer, *kinds)
            norm, widen, _, depthwise, inner, _, out = parts
            expect(norm.num_groups == inner.num_groups == 1, "norm of several groups")
            expect(tuple(out.kernel_size) == (1,), "last convolution of a module")
            self._layers.append((norm, _along_time(widen), _along_time(depthwise), inner, out))

    def into(self, target: Tensor, rows: Tensor) -> None:
        """Write gelu(module(rows)) into `target`, a block of frequencies at a time."""
        step = max(1, rows.shape[1])
        if rows.device.type == "cpu":
            step = max(1, _BLOCK * torch.get_num_threads() // max(1, rows[:, 0].numel()))
        parts = zip(torch.split(rows, step, 1), torch.split(target, step, 1), strict=True)
        for part, where in parts:
            where.copy_(functional.gelu(self._convolved(part.contiguous())))

    def _convolved(self, x: Tensor) -> Tensor:
        for norm, widen, depthwise, inner, out in self._layers:
            y = functional.glu(widen(standardised(x, norm, 2)), dim=-1)
            y = functional.silu(standardised(depthwise(y), inner, 2), inplace=True)
            x = affine(y, out.weight[..., 0], out.bias).add_(x)
        return x


class Compression:
    """An encoder's block: three bands at strides of their own, convolved along time, then together."""

    def __init__(self, block: Any) -> None:
        layer = block.SDlayer
        self._shares = (layer.SR_low, layer.SR_low + layer.SR_mid)
        self._steps = list(zip(layer.strides, layer.kernels, strict=True))
        self._narrow = [Convolution(conv, conv.weight, (0, 0)) for conv in layer.convs]
        self._modules = [ConvolutionModule(module) for module in block.conv_modules]
        expect(len(self._narrow) == len(self._modules) == len(self._steps) == 3, "bands")
        conv = block.globalconv
        self._all = Convolution(conv, conv.weight, conv.padding)

    def __call__(self, rows: Tensor) -> tuple[Tensor, Tensor, list[int], list[int]]:
        """Return output, skip connection, and the bands' bins after and before."""
        bins = rows.shape[1]
        edges = [0, *(_ceiling(bins * share) for share in self._shares), bins]
        before = [stop - start for start, stop in pairwise(edges)]
        bands = []
        for part, (stride, kernel), conv in zip(
            torch.split(rows, before, 1), self._steps, self._narrow, strict=True
        ):
            missing = kernel - stride if stride == 1 else -part.shape[1] % stride
            ends = (0, 0, 0, 0, missing // 2, missing - missing // 2)
            bands.append(conv(functional.pad(part, ends)))
        after = [band.shape[1] for band in bands]
        batch, _, time, channels = bands[0].shape
        full = rows.new_empty(batch, sum(after), time, channels)
        for module, band, target in zip(
            self._modules, bands, torch.split(full, after, 1), strict=True
        ):
            module.into(target, band)
        return self._all(full), full, after, before


class Expansion:
    """A decoder's block: gated fusion with the skip connection, then the bands' bins restored.

    Fusion convolves its input stacked on itself: one convolution with the sum of the weight's halves.
    """

    def __init__(self, block: Any) -> None:
        fusion, widen = expect_children(block, "FusionLayer", "SUlayer")
        conv: Any = fusion.conv
        half = conv.weight.shape[1] // 2
        expect(conv.groups == 1, "fusion of several groups")
        merged = conv.weight[:, :half] + conv.weight[:, half:]
        self._fusion = Convolution(conv, merged, conv.padding)
        self._wide = list(widen.convtrs)  # type: ignore[arg-type]
        for transposed in self._wide:
            plain = transposed.groups == 1 and set(transposed.dilation) == {1}
            plain = plain and {*transposed.padding, *transposed.output_padding} == {0}
            expect(plain and transposed.kernel_size[1] == 1, "transposed convolution")

    def __call__(self, x: Tensor, skip: Tensor, after: list[int], before: list[int]) -> Tensor:
        """Return rows of as many bins as `before` counts."""
        x = functional.glu(self._fusion(x.add_(skip)), dim=-1)
        outs = []
        for part, conv, bins in zip(torch.split(x, after, 1), self._wide, before, strict=True):
            out = _widened(part, conv)
            start = abs(bins - out.shape[1]) // 2
            outs.append(out[:, start : start + bins])
        return torch.cat(outs, dim=1)


def _widened(rows: Tensor, conv: Any) -> Tensor:
    made = functional.conv_transpose2d(
        rows.permute(0, 3, 1, 2), conv.weight, conv.bias, conv.stride
    )
    return made.permute(0, 2, 3, 1)


def _along_time(conv: Any) -> Convolution:
    return Convolution(conv, conv.weight[:, :, None], (0, *conv.padding))


def _ceiling(value: float) -> int:
    return -int(-value // 1)
