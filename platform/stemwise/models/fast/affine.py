"""Matrix products with what follows them: oneDNN on a CPU, PyTorch's own elsewhere.

oneDNN multiplies as fast as MKL on Intel's processors and by 10 to 25 % faster on AMD's, and it applies
an activation while a block of the result is still in the cache.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Activation = Literal["none", "tanh"]


def affine(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, activation: Activation = "none"
) -> Tensor:
    """Return activation(x·weightᵀ + bias) for rows `(…, inputs)` and a weight `(outputs, inputs)`."""
    if _takes_onednn(x, weight):
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], "")
        return made
    made = functional.linear(x, weight, bias)
    return made.tanh_() if activation == "tanh" else made


def _takes_onednn(x: Tensor, weight: Tensor) -> bool:
    return bool(
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and torch._C._get_mkldnn_enabled()
        and torch._C._has_mkldnn
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )
