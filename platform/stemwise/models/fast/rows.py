"""What passes do with rows, that is with features whose channels are the last axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def convolved(
    rows: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Convolve `(batch, frequency, time, channels)`, which a convolution calls channels-last."""
    heard = rows.permute(0, 3, 1, 2)
    made = functional.conv2d(heard, weight, bias, stride, padding, dilation, groups)
    return made.permute(0, 2, 3, 1).contiguous()


def gelu(x: Tensor) -> Tensor:
    """Return GELU(x) in its place."""
    made: Tensor = torch.ops.aten.gelu_(x)
    return made


def full_precision(like: Tensor) -> torch.autocast:
    """Leave autocast on a tensor's device, as spectra must."""
    return torch.autocast(like.device.type, enabled=False)
