"""Band split and mask heads of the RoFormers (Lu et al. 2023, sections 2.1 and 2.3).

Frames are rows here: the real and imaginary parts of all channels and bins of a frame lie together, so a
band is a range of columns, read and written where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.models.fast.affine import affine
from stemwise.models.fast.layout import expect, expect_children
from stemwise.models.fast.normalisation import rms_normalised
from stemwise.models.fast.transformer import is_norm


class Bands:
    """Where the bands lie in a frame, with the package's modules that read and write them.

    Args:
        split: normalisation and projection of every band.
        heads: of every stem, an estimator with a perceptron for every band.
        starts: the first column of every band.

    Raises:
        UnknownLayoutError: the modules have other parts.
    """

    def __init__(self, split: Any, heads: Sequence[Any], starts: Sequence[int]) -> None:
        self._columns = [slice(a, a + n) for a, n in zip(starts, split.dim_inputs, strict=True)]
        self._split: list[Any] = [
            expect_children(band, "RMSNorm", nn.Linear) for band in split.to_features
        ]
        self._heads = [[_perceptron(band) for band in head.to_freqs] for head in heads]
        expect(all(is_norm(norm) for norm, _ in self._split), "norm of a band of another scale")
        widths = [column.stop - column.start for column in self._columns]
        for head in self._heads:
            expect([layers[-1].out_features for layers in head] == [2 * n for n in widths], "heads")

    def features(self, frames: Tensor) -> Tensor:
        """Map frames `(batch, time, columns)` to features `(batch, band, time, dim)`."""
        found = None
        for number, (columns, parts) in enumerate(zip(self._columns, self._split, strict=True)):
            norm, linear = parts
            band = affine(
                rms_normalised(frames[..., columns], norm.gamma), linear.weight, linear.bias
            )
            if found is None:
                batch, time, dim = band.shape
                # sums over the layers stay in full precision, whatever the products are taken in
                found = frames.new_empty(batch, len(self._columns), time, dim)
            found[:, number] = band
        assert found is not None
        return found

    def masks(self, x: Tensor, norm: Any, columns: int) -> Tensor:
        """Map features `(batch, band, time, dim)` to masks `(batch, stem, time, columns)`.

        Where bands overlap, their masks are summed.
        """
        batch, _, time, _ = x.shape
        masks = x.new_zeros(batch, len(self._heads), time, columns)
        for number, where in enumerate(self._columns):
            band = x[:, number] if norm is None else rms_normalised(x[:, number], norm.gamma)
            for stem, head in enumerate(self._heads):
                masks[:, stem, :, where] += _mask(head[number], band)
        return masks


def _mask(layers: Sequence[nn.Linear], x: Tensor) -> Tensor:
    for layer in layers[:-1]:
        x = affine(x, layer.weight, layer.bias, "tanh")
    return functional.glu(affine(x, layers[-1].weight, layers[-1].bias))


def _perceptron(head: nn.Module) -> list[nn.Linear]:
    """Return the linear layers of a band's head: tanh between them and a gated unit behind."""
    layers, _ = expect_children(head, nn.Sequential, nn.GLU)
    parts = list(layers.children())
    for number, part in enumerate(parts):
        expect(type(part) is (nn.Tanh if number % 2 else nn.Linear), "perceptron of a mask head")
    expect(len(parts) % 2 == 1, "perceptron of a mask head")
    return [part for part in parts if isinstance(part, nn.Linear)]


def starts_of(indices: Tensor, counts: Sequence[int]) -> list[int]:
    """Return the first entry of consecutive runs of `indices`, `counts` long each.

    Raises:
        UnknownLayoutError: a run is not one of neighbours.
    """
    runs = torch.split(indices.cpu(), list(counts))
    for run in runs:
        expect(bool((run.diff() == 1).all()), "band that is no range of bins")
    return [int(run[0]) for run in runs]
