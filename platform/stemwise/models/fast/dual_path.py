"""The dual-path recurrent part of SCNet (Tong et al. 2024, section 2.2) over the package's parameters.

LSTMs run along frequency, then along time, of rows `(batch, frequency, time, channels)`. Every other
block works on the Fourier transform along time, whose real and imaginary parts are channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from stemwise.models.fast.affine import affine
from stemwise.models.fast.layout import expect, expect_children
from stemwise.models.fast.normalisation import standardised


class DualPath:
    """All dual-path blocks in turn.

    Raises:
        UnknownLayoutError: blocks of other parts.
    """

    def __init__(self, net: Any) -> None:
        self._blocks = [_checked(block) for block in net.dp_modules]
        self._inverse = [bool(conversion.inverse) for conversion in net.feature_conversion]
        names = {type(conversion).__name__ for conversion in net.feature_conversion}
        expect(names <= {"FeatureConversion"}, "conversion of features")
        expect(len(self._inverse) == len(self._blocks), "block without a conversion")

    def __call__(self, x: Tensor) -> Tensor:
        """Return the output for rows, which may be overwritten."""
        for block, inverse in zip(self._blocks, self._inverse, strict=True):
            for parts, order in zip(block, ((1, 0, 2, 3), (2, 0, 1, 3)), strict=True):
                x += _along(x, parts, order)
            x = _from_spectrum(x) if inverse else _to_spectrum(x)
        return x


def _along(x: Tensor, parts: tuple[Any, Any, Any], order: tuple[int, ...]) -> Tensor:
    """Return what a path adds; `order` puts the axis that it runs along first."""
    norm, lstm, linear = parts
    steps = standardised(x, norm, 3).permute(order).contiguous()
    # oneDNN wants the steps first: a transposed view spares the module its copies
    heard = lstm(steps.flatten(1, 2).transpose(0, 1))[0].transpose(0, 1)
    added = affine(heard, linear.weight, linear.bias).view(steps.shape)
    return added.permute([order.index(axis) for axis in range(4)])


def _to_spectrum(x: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(x.float(), dim=2, norm="ortho")
    return torch.cat([spectrum.real, spectrum.imag], dim=-1)


def _from_spectrum(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    spectrum = torch.complex(x[..., :half].float(), x[..., half:].float())
    made: Tensor = torch.fft.irfft(spectrum, dim=2, norm="ortho")
    return made.contiguous()


def _checked(block: Any) -> list[tuple[Any, Any, Any]]:
    lstms = expect_children(block.lstm_layers, nn.LSTM, nn.LSTM)
    for lstm in lstms:
        plain = lstm.num_layers == 1 and lstm.bias and lstm.proj_size == 0 and lstm.batch_first
        expect(bool(plain), "LSTM of another form")
        lstm.flatten_parameters()  # type: ignore[operator]
    linears = expect_children(block.linear_layers, nn.Linear, nn.Linear)
    norms = expect_children(block.norm_layers, nn.GroupNorm, nn.GroupNorm)
    expect(all(norm.num_groups == 1 for norm in norms), "norm of several groups")
    return list(zip(norms, lstms, linears, strict=True))
