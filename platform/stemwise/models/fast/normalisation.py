"""Normalisations of rows, that is of features whose channels are the last axis."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def rms_normalised(x: Tensor, gamma: Tensor) -> Tensor:
    """Return γ·√dim·x/|x| over the last axis (Zhang & Sennrich 2019)."""
    if x.device.type != "cpu":
        return functional.rms_norm(x, x.shape[-1:], gamma, eps=1e-24)
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp_min_(1e-12)
    return (x / norm.mul_(x.shape[-1] ** -0.5)).mul_(gamma)


def standardised(x: Tensor, norm: Any, axes: int) -> Tensor:
    """Return x standardised over its last `axes` axes, scaled and shifted per channel.

    That is a GroupNorm of one group (Wu & He 2018) whose channels are the last axis.
    """
    if x.device.type == "cpu":
        made = functional.layer_norm(x, x.shape[-axes:], eps=norm.eps)
        return made.mul_(norm.weight).add_(norm.bias)
    # one statistic over millions of numbers keeps only one block of a GPU's layer norm busy
    variance, mean = torch.var_mean(
        x.float(), dim=list(range(-axes, 0)), correction=0, keepdim=True
    )
    scale = (variance + norm.eps).rsqrt() * norm.weight
    return torch.addcmul(norm.bias - mean * scale, x, scale)
