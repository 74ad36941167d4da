"""The transformer of the RoFormers: attention with rotary positions and gated heads, feed-forward.

Both sublayers normalise by root mean square (Zhang & Sennrich 2019) and add to their input; rotary
positions are those of Su et al. 2021, eq. 34, on interleaved pairs. On a CPU a few sequences at a time
pass through a whole transformer, so that nothing between two matrix products leaves the cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.models.fast.affine import affine
from stemwise.models.fast.layout import expect, expect_children
from stemwise.models.fast.normalisation import rms_normalised
from stemwise.models.fast.rows import gelu

# Rows of a block per thread: its widest activations, some 1500 numbers a row, fill half of a usual
# third-level cache, and products of so many rows still run at full speed.
_ROWS = 2400


def block_of(sequences: Tensor) -> int:
    """Return how many of the sequences `(count, n, dim)` pass at a time."""
    if sequences.device.type != "cpu":
        return max(1, sequences.shape[0])
    return max(1, _ROWS * torch.get_num_threads() // max(1, sequences.shape[1]))


def rotations(frequencies: Tensor, length: int) -> Tensor:
    """Return exp(i·position·frequency), complex `(length, 1, dim_head/2)`."""
    positions = torch.arange(length, device=frequencies.device, dtype=frequencies.dtype)
    angles = positions[:, None, None] * frequencies
    return torch.complex(angles.cos(), angles.sin())


def rotated(pairs: Tensor, by: Tensor) -> Tensor:
    """Turn interleaved pairs `(…, n, heads, dim_head)`; those of full precision in place."""
    exact = pairs.float()  # the same tensor, where it is float32 already
    turned = torch.view_as_complex(exact.view(*exact.shape[:-1], -1, 2)).mul_(by)
    return torch.view_as_real(turned).flatten(-2).to(pairs.dtype)


class FastTransformer:
    """A transformer over the parameters of the package's.

    Raises:
        UnknownLayoutError: it has other parts.
    """

    def __init__(self, module: Any) -> None:
        self._layers = [_checked(layer) for layer in module.layers]
        self._norm = None if isinstance(module.norm, nn.Identity) else module.norm
        expect(self._norm is None or is_norm(module.norm), "norm of a transformer")
        self.frequencies: Tensor = self._layers[0][0].rotary_embed.freqs
        shared = all(a.rotary_embed.freqs is self.frequencies for a, _ in self._layers)
        expect(shared, "rotary positions that differ between layers")

    def __call__(self, x: Tensor, by: Tensor) -> Tensor:
        """Return the output for sequences `(count, n, dim)`, which may be overwritten."""
        for attention, feed_forward in self._layers:
            x += attended(attention, x, by)
            norm, widen, _, _, narrow, _ = feed_forward.net
            hidden = affine(rms_normalised(x, norm.gamma), widen.weight, widen.bias)
            x += affine(gelu(hidden), narrow.weight, narrow.bias)
        return x if self._norm is None else rms_normalised(x, self._norm.gamma)


def attended(attention: Any, x: Tensor, by: Tensor) -> Tensor:
    """Return what an attention adds to its input `(count, n, dim)`."""
    heads, projection, gating, out = (
        attention.heads,
        attention.to_qkv,
        attention.to_gates,
        attention.to_out[0],
    )
    x = rms_normalised(x, attention.norm.gamma)
    qkv = affine(x, projection.weight, projection.bias).view(*x.shape[:-1], 3 * heads, -1)
    turned = rotated(qkv[..., : 2 * heads, :], by)
    query, key = turned[..., :heads, :], turned[..., heads:, :]
    value = qkv[..., 2 * heads :, :]
    heard = functional.scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    ).transpose(1, 2)
    gates = affine(x, gating.weight, gating.bias).sigmoid_()
    return affine(heard.mul_(gates[..., None]).flatten(-2), out.weight, out.bias)


def is_norm(module: Any) -> bool:
    """Say whether this is a normalisation that `rms_normalised` computes."""
    width: int = module.gamma.shape[0]
    return type(module).__name__ == "RMSNorm" and module.scale == width**0.5


def _checked(layer: Any) -> tuple[Any, Any]:
    """Return attention and feed-forward of a layer, once their parts are those known."""
    attention, feed_forward = expect_children(layer, "Attention", "FeedForward")
    a: Any = attention
    expect(a.rotary_embed is not None and not a.use_pope, "attention without rotary positions")
    expect(a.attend.scale is None, "attention of another scale")
    expect_children(a.to_out, nn.Linear, nn.Dropout)
    parts = ("RMSNorm", nn.Linear, nn.GELU, nn.Dropout, nn.Linear, nn.Dropout)
    norm, _, act, *_ = expect_children(feed_forward.net, *parts)  # type: ignore[arg-type]
    expect(is_norm(a.norm) and is_norm(norm), "norm of another scale")
    expect(act.approximate == "none", "approximate GELU")
    return attention, feed_forward
