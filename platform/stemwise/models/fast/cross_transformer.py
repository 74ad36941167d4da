"""The transformer between the branches of HT-Demucs (Rouard, Massa & Défossez 2023, section 3).

Spectrogram and waveform attend to themselves and to each other in turn. Layer scales go into the
weights before them, projections of a sequence are one product.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.models.fast.affine import affine
from stemwise.models.fast.layout import expect
from stemwise.models.fast.normalisation import standardised
from stemwise.models.fast.rows import gelu


class CrossTransformer:
    """Transforms `(batch, frames·bins, channels)` and `(batch, samples, channels)` together.

    Raises:
        UnknownLayoutError: other positions, norms or attention than the published ones.
    """

    def __init__(self, module: Any) -> None:
        expect(module.emb == "sin" and module.sin_random_shift == 0, f"positions {module.emb}")
        self._norms = (module.norm_in, module.norm_in_t)
        expect(all(type(norm) is nn.LayerNorm for norm in self._norms), "norm of the input")
        self._weight, self._period = float(module.weight_pos_embed), float(module.max_period)
        pairs = zip(module.layers, module.layers_t, strict=True)
        self._layers = [(_Layer(one), _Layer(other)) for one, other in pairs]

    def __call__(self, x: Tensor, xt: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Return both sequences; the first is ordered by frame, then bin."""
        bins, channels = x.shape[1] // frames, x.shape[2]
        grid = _grid(bins, frames, channels, self._period, str(x.device))
        line = _line(xt.shape[1], channels, self._period, str(x.device))
        x = torch.add(self._norms[0](x), grid, alpha=self._weight)
        xt = torch.add(self._norms[1](xt), line, alpha=self._weight)
        for layer, layer_t in self._layers:
            heard, heard_t = layer.heard(x, xt), layer_t.heard(xt, x)
            x, xt = layer(x, heard), layer_t(xt, heard_t)
        return x, xt


class _Layer:
    """Attention to itself or to the other sequence, then feed-forward; both are added to the input."""

    def __init__(self, layer: Any) -> None:
        self.cross = type(layer).__name__ == "CrossTransformerEncoderLayer"
        expect(self.cross or type(layer).__name__ == "MyTransformerEncoderLayer", "layer")
        expect(layer.norm_first and not layer.sparse, "sparse or post-norm layer")
        expect(layer.activation is functional.gelu, "activation of a layer")
        attention = layer.cross_attn if self.cross else layer.self_attn
        expect(type(attention) is nn.MultiheadAttention, "attention of a layer")
        expect(attention.in_proj_weight is not None and attention.bias_k is None, "projections")
        expect(attention.in_proj_bias is not None, "projections without bias")
        self._heads = int(attention.num_heads)
        self._in = (attention.in_proj_weight.detach(), attention.in_proj_bias.detach())
        self._out = _scaled(attention.out_proj, layer.gamma_1)
        self._wide, self._narrow = layer.linear1, _scaled(layer.linear2, layer.gamma_2)
        self._norms = [layer.norm1, layer.norm2, *([layer.norm3] if self.cross else [])]
        expect(all(type(norm) is nn.LayerNorm for norm in self._norms), "norm of a layer")
        self._norm_out = layer.norm_out
        expect(self._norm_out is None or self._norm_out.num_groups == 1, "norm of several groups")

    def heard(self, x: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values `(batch, heads, n, width)`, before either sequence changes."""
        weight, bias = self._in
        width = weight.shape[1]
        own = self._norms[0](x)
        if not self.cross:
            parts = self._split(affine(own, weight, bias), 3)
            return parts[0], parts[1], parts[2]
        (query,) = self._split(affine(own, weight[:width], bias[:width]), 1)
        both = affine(self._norms[1](other), weight[width:], bias[width:])
        key, value = self._split(both, 2)
        return query, key, value

    def __call__(self, x: Tensor, heard: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the layer's output; `x` may be overwritten."""
        found = functional.scaled_dot_product_attention(*heard)
        x += affine(found.transpose(1, 2).flatten(2), *self._out)
        hidden = gelu(affine(self._norms[-1](x), self._wide.weight, self._wide.bias))
        x += affine(hidden, *self._narrow)
        return x if self._norm_out is None else standardised(x, self._norm_out, 2)

    def _split(self, x: Tensor, count: int) -> tuple[Tensor, ...]:
        parts = x.view(*x.shape[:2], count, self._heads, -1)
        return parts.permute(2, 0, 3, 1, 4).unbind()


def _scaled(linear: Any, scale: Any) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a linear layer that a layer scale follows."""
    if isinstance(scale, nn.Identity):
        return linear.weight.detach(), linear.bias.detach()
    expect(type(scale).__name__ == "LayerScale" and scale.channel_last, "scale of a layer")
    by = scale.scale.detach()
    return linear.weight.detach() * by[:, None], linear.bias.detach() * by


@lru_cache(maxsize=8)
def _grid(bins: int, frames: int, channels: int, period: float, device: str) -> Tensor:
    """Return the positions of bins and frames, `(1, frames·bins, channels)`."""
    from demucs.transformer import create_2d_sin_embedding

    made: Tensor = create_2d_sin_embedding(channels, bins, frames, device, period)
    return made.permute(0, 3, 2, 1).reshape(1, -1, channels)


@lru_cache(maxsize=8)
def _line(samples: int, channels: int, period: float, device: str) -> Tensor:
    """Return the positions of samples, `(1, samples, channels)`."""
    from demucs.transformer import create_sin_embedding

    made: Tensor = create_sin_embedding(samples, channels, device=device, max_period=period)
    return made.transpose(0, 1).contiguous()
