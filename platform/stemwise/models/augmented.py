"""A model that hears variants of its input and averages what it makes of them (`augment.py`)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from stemwise.models.augment import Augment
from stemwise.models.base import Model, Normalisation
from stemwise.models.shifted_tiling import shifted

Change = Callable[[Tensor], Tensor]


class AugmentedModel:
    """Any model, with its estimates averaged over the variants of an augmentation.

    Delays are chunks of a tiling (`shifted_tiling.py`). Polarity and channels are variants of each
    chunk: all that the engine does is linear and treats channels alike, so that it is the same as for
    the track. They run one after another, so that a pass needs no more memory.

    Args:
        model: the loaded model, which does not use references.
        augment: what is averaged.
    """

    def __init__(self, model: Model, augment: Augment) -> None:
        self._model, self.augment = model, augment
        self.stems: tuple[str, ...] = model.stems
        self.sample_rate: int = model.sample_rate
        self.normalisation: Normalisation = model.normalisation
        self.uses_references: bool = model.uses_references
        self.tiling = shifted(model.tiling, augment.shifts)
        self._changes = _changes(augment)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, channels, samples)` into `(batch, stems, channels, samples)`."""
        made = self._model.forward(chunks)
        if not self._changes:
            return made
        total = made.float()
        for change in self._changes:
            # each variant is its own inverse
            total = total + change(self._model.forward(change(chunks)))
        return total / self.augment.variants

    def to(self, device: torch.device) -> None:
        """Move weights and buffers to `device`."""
        self._model.to(device)


def _changes(augment: Augment) -> list[Change]:
    """Return what is done to a chunk in each pass but the first."""
    found: list[Change] = []
    if augment.polarity:
        found.append(torch.neg)
    if augment.swap:
        found.append(_swap)
    if augment.polarity and augment.swap:
        found.append(lambda audio: -_swap(audio))
    return found


def _swap(audio: Tensor) -> Tensor:
    """Swap the channels of `(…, channels, samples)`."""
    return audio.flip(-2)
