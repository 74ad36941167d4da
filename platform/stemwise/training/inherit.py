"""Weights for a network of other stems: its last layers are rearranged, nothing is lost.

A stem that both networks have keeps its channels. One that is new starts as an even share of the old
`other`; one that is gone is added to the new `other`. Both are sums of output channels, so the new
stems add up to what the old ones did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stemwise.core.errors import ConfigError

REST = "other"


def shares(old: Sequence[str], new: Sequence[str]) -> Tensor:
    """Return how much of each old stem is in each new one, `(new, old)`.

    Raises:
        ConfigError: stems come or go, and there is no `other` to take them from or add them to.
    """
    added, gone = [s for s in new if s not in old], [s for s in old if s not in new]
    if (added and REST not in old) or (gone and REST not in new):
        raise ConfigError(
            f"training.start_stems: {', '.join(new)} cannot start from {', '.join(old)}, since "
            f"one of them lacks {REST!r}: use start=null."
        )
    heirs = [*added, *([REST] if REST in new else [])]
    out = torch.zeros(len(new), len(old))
    for row, stem in enumerate(new):
        for column, source in enumerate(old):
            if source == REST and stem in heirs:
                out[row, column] = 1 / len(heirs)
            elif stem == source or (stem == REST and source in gone):
                out[row, column] = 1
    return out


def inherit(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], share: Tensor
) -> dict[str, Tensor]:
    """Return `state` with the shapes of `own`, a network of other stems.

    Where a tensor's size differs along one axis in the ratio of the stems, that axis is stem by stem
    and is mixed by `share` `(new, old)`. All else is returned as it is.
    """
    return {
        name: _mixed(value.float(), own[name].shape, share) if name in own else value
        for name, value in state.items()
    }


def _mixed(value: Tensor, shape: torch.Size, share: Tensor) -> Tensor:
    new, old = share.shape
    axes = [n for n, (a, b) in enumerate(zip(value.shape, shape, strict=False)) if a != b]
    if len(axes) != 1 or value.ndim != len(shape):
        return value
    axis = axes[0]
    if value.shape[axis] * new != shape[axis] * old:
        return value
    first = value.movedim(axis, 0)
    by_stem = first.reshape(old, -1, *first.shape[1:])
    return torch.einsum("no,o...->n...", share, by_stem).flatten(0, 1).movedim(0, axis)
