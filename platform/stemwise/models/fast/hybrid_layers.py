"""Encoder and decoder layers of Hybrid Demucs (Défossez 2021, section 3), channels last.

Rows are `(batch, frequency, time, channels)`; the branch that hears the waveform has one frequency.
Residual branches normalise over time and channels, every frequency for itself, so that a few
frequencies at a time pass through all that does not mix them, and what lies between stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.models.fast.affine import affine
from stemwise.models.fast.layout import expect
from stemwise.models.fast.normalisation import standardised
from stemwise.models.fast.rows import convolved, gelu

Rows = Callable[[Tensor], Tensor]
# Numbers of a block of frequencies per thread: a usual third-level cache holds a few such blocks.
_BLOCK = 1 << 20


class Convolution:
    """A convolution of rows along frequency, time or both; products of rows where it has one tap."""

    def __init__(self, like: Any) -> None:
        plain = like.groups == 1 and like.padding_mode == "zeros"
        expect(plain and not isinstance(like.padding, str), "grouped convolution")
        line = len(like.kernel_size) == 1
        weight = like.weight.detach()
        self._weight = (weight[:, :, None] if line else weight).contiguous(
            memory_format=torch.channels_last
        )
        self._bias = like.bias
        self._padding, self._stride, self._dilation = (
            (unit, *value) if line else tuple(value)
            for unit, value in ((0, like.padding), (1, like.stride), (1, like.dilation))
        )
        self.pointwise = {*self._weight.shape[2:], *self._stride} == {1} and not any(self._padding)

    def __call__(self, rows: Tensor) -> Tensor:
        """Convolve rows."""
        if self.pointwise:
            return affine(rows, self._weight[:, :, 0, 0], self._bias)
        return convolved(
            rows, self._weight, self._bias, self._stride, self._padding, self._dilation
        )


class Residual:
    """The residual branches (DConv): dilated convolutions along time, with LSTM and attention if any."""

    def __init__(self, module: Any) -> None:
        self._branches = [self._checked(list(layer)) for layer in module.layers]

    @staticmethod
    def _checked(parts: list[Any]) -> tuple[Any, ...]:
        conv, norm, act, *inner, widen, norm2, glu, scale = parts
        kinds = (nn.Conv1d, nn.GroupNorm, nn.GELU, nn.Conv1d, nn.GroupNorm, nn.GLU)
        known = zip((conv, norm, act, widen, norm2, glu), kinds, strict=True)
        expect(all(type(part) is kind for part, kind in known), "residual branch")
        expect(norm.num_groups == norm2.num_groups == 1, "norm of several groups")
        expect(act.approximate == "none" and glu.dim == 1, "activation of a residual branch")
        names = [type(part).__name__ for part in inner]
        expect(set(names) <= {"BLSTM", "LocalState"}, f"{names} in a residual branch")
        expect(type(scale).__name__ == "LayerScale" and not scale.channel_last, "scale of a branch")
        # the scale of the gated half goes into the norm before it
        both = torch.cat([scale.scale, torch.ones_like(scale.scale)]).detach()
        gated = SimpleNamespace(
            eps=norm2.eps, weight=norm2.weight.detach() * both, bias=norm2.bias.detach() * both
        )
        return Convolution(conv), norm, inner, Convolution(widen), gated

    def __call__(self, rows: Tensor) -> Tensor:
        """Add the branches to rows, in their place."""
        for conv, norm, inner, widen, gated in self._branches:
            hidden = gelu(standardised(conv(rows), norm, 2))
            if inner:
                hidden = _by_channel(inner, hidden)
            rows += functional.glu(standardised(widen(hidden), gated, 2), dim=-1)
        return rows


def _by_channel(modules: list[nn.Module], rows: Tensor) -> Tensor:
    """Run modules that take `(sequences, channels, time)`."""
    batch, bins, time, channels = rows.shape
    x = rows.permute(0, 1, 3, 2).reshape(-1, channels, time)
    for module in modules:
        x = module(x)
    return x.transpose(1, 2).reshape(batch, bins, time, channels)


class Encoder:
    """A layer that halves or quarters an axis: strided convolution, residual branches, gate."""

    def __init__(self, layer: Any) -> None:
        expect(type(layer).__name__ == "HEncLayer", type(layer).__name__)
        self.empty, self._freq = bool(layer.empty), bool(layer.freq)
        self._stride = int(layer.stride) if not self._freq else 1
        self._conv = Convolution(layer.conv)
        if self.empty:
            return
        expect(layer.rewrite is not None, "layer without a gate")
        self._norms = tuple(_norm(norm) for norm in (layer.norm1, layer.norm2))
        self._residual = Residual(layer.dconv) if layer.dconv else None
        self._rewrite = Convolution(layer.rewrite)

    def __call__(self, rows: Tensor, inject: Tensor | None = None) -> Tensor:
        """Return the layer's output; `inject` is added to what its first convolution makes."""
        if missing := -rows.shape[2] % self._stride:
            rows = functional.pad(rows, (0, 0, 0, missing))
        y = self._conv(rows)
        if self.empty:
            return y
        if inject is not None:
            y += inject
        if not self._rewrite.pointwise:
            return self._gated(torch.cat([self._inner(part) for part in blocks(y)], dim=1))
        outs = [self._gated(self._inner(part)) for part in blocks(y)]
        return outs[0] if len(outs) == 1 else torch.cat(outs, dim=1)

    def _inner(self, rows: Tensor) -> Tensor:
        y = gelu(_normed(rows, self._norms[0]).contiguous())
        return y if self._residual is None else self._residual(y)

    def _gated(self, rows: Tensor) -> Tensor:
        return functional.glu(_normed(self._rewrite(rows), self._norms[1]), dim=-1)


class Decoder:
    """A layer that undoes an encoder: skip connection, gate, residual branches, strided synthesis."""

    def __init__(self, layer: Any) -> None:
        expect(type(layer).__name__ == "HDecLayer", type(layer).__name__)
        self.empty, self._last = bool(layer.empty), bool(layer.last)
        self._norm2 = _norm(layer.norm2)
        self._wide = Transposed(layer.conv_tr, bool(layer.freq), int(layer.pad))
        if self.empty:
            return
        expect(layer.rewrite is not None, "layer without a gate")
        self._norm1 = _norm(layer.norm1)
        self._residual = Residual(layer.dconv) if layer.dconv else None
        self._rewrite = Convolution(layer.rewrite)

    def __call__(
        self, rows: Tensor, skip: Tensor | None, length: int, inner: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output, of `length` samples along time, and what was put into the synthesis.

        The latter only where it is asked for (`inner`). `skip` is overwritten.
        """
        if self.empty:
            return self._finished(self._wide([rows], rows.shape, length)), rows
        assert skip is not None
        y = _normed(self._rewrite(skip.add_(rows)), self._norm1)
        parts = (self._gated(part) for part in blocks(y))
        pre = torch.cat(list(parts), dim=1) if inner else None
        shape = torch.Size([*y.shape[:3], y.shape[3] // 2])
        return self._finished(self._wide(parts if pre is None else [pre], shape, length)), pre

    def _gated(self, rows: Tensor) -> Tensor:
        y = functional.glu(rows, dim=-1)
        return y if self._residual is None else self._residual(y)

    def _finished(self, rows: Tensor) -> Tensor:
        # a norm sees what its convolution made before the ends are cut off
        rows = self._wide.cut(_normed(rows, self._norm2))
        return rows if self._last else gelu(rows)


class Transposed:
    """A transposed convolution whose kernel is two strides long: a product, then two halves overlap."""

    def __init__(self, conv: Any, freq: bool, pad: int) -> None:
        plain = conv.groups == 1 and {*conv.padding, *conv.output_padding} == {0}
        expect(plain and set(conv.dilation) == {1}, "transposed convolution")
        self._stride, self._freq, self._pad = int(conv.stride[0]), freq, pad
        kernel = tuple(conv.kernel_size)
        expect(kernel[0] == 2 * self._stride and set(kernel[1:]) <= {1}, "kernel of a synthesis")
        weight = conv.weight.detach().reshape(conv.in_channels, conv.out_channels, -1)
        self._weight = weight.permute(2, 1, 0).reshape(-1, conv.in_channels).contiguous()
        self._bias = conv.bias.detach()
        # each sample gets it once: with the first half that reaches it
        first = self._bias.repeat(self._stride)
        self._biases = torch.cat([first, torch.zeros_like(first)])
        self._kept: slice | None = None

    def __call__(self, parts: Any, shape: torch.Size, length: int) -> Tensor:
        """Synthesise from blocks of rows, of `shape` in all; `cut` leaves `length` along time."""
        self._kept = slice(self._pad, self._pad + length)
        return self._along_frequency(parts, shape) if self._freq else self._along_time(parts, shape)

    def cut(self, rows: Tensor) -> Tensor:
        """Return rows without the ends that the encoder's padding had added."""
        if not self._freq:
            assert self._kept is not None
            return rows[:, :, self._kept]
        return rows[:, self._pad : rows.shape[1] - self._pad]

    def _along_frequency(self, parts: Any, shape: torch.Size) -> Tensor:
        batch, bins, time, _ = shape
        stride, start = self._stride, 0
        out, carry = None, None
        for part in parts:
            made = affine(part, self._weight, self._biases)
            halves = made.view(*part.shape[:3], 2, stride, -1).permute(3, 0, 1, 4, 2, 5)
            low, high = halves
            if out is None:
                out = made.new_empty(batch, bins + 1, stride, time, made.shape[-1] // 2 // stride)
            stop = start + part.shape[1]
            out[:, start:stop] = low
            out[:, start + 1 : stop] += high[:, :-1]
            if carry is not None:
                out[:, start] += carry
            carry, start = high[:, -1], stop
        assert out is not None and carry is not None
        out[:, -1] = carry + self._bias
        return out.view(batch, (bins + 1) * stride, time, -1)

    def _along_time(self, parts: Any, shape: torch.Size) -> Tensor:
        batch, bins, time, _ = shape
        (part,) = parts
        low, high = affine(part, self._weight, self._biases).chunk(2, dim=-1)
        out = low.new_empty(batch, bins, time + 1, low.shape[-1])
        out[:, :, :-1] = low
        out[:, :, -1] = self._biases[: low.shape[-1]]
        out[:, :, 1:] += high
        return out.view(batch, bins, (time + 1) * self._stride, -1)


def blocks(rows: Tensor) -> Iterator[Tensor]:
    """Yield a few frequencies at a time on a CPU, elsewhere all of them."""
    step = max(1, rows.shape[1])
    if rows.device.type == "cpu":
        step = max(1, _BLOCK * torch.get_num_threads() // max(1, rows[:, 0].numel()))
    yield from torch.split(rows, step, dim=1)


def _norm(module: Any) -> Any:
    """Return a layer's norm, None where it has none."""
    if isinstance(module, nn.Identity):
        return None
    expect(type(module) is nn.GroupNorm, "norm of a layer")
    return module


def _normed(rows: Tensor, norm: Any) -> Tensor:
    """Normalise groups of channels over frequency and time."""
    if norm is None:
        return rows
    made: Tensor = norm(rows.permute(0, 3, 1, 2))
    return made.permute(0, 2, 3, 1).contiguous()
