"""The references beside a stem: which they are, and their inner products, once for a whole song."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemwise.core.stems import (
    CHILDREN,
    INSTRUMENTAL,
    MIXTURE,
    PARENT,
    in_order,
    parts_of,
    without_voices,
)
from stemwise.core.types import SAMPLE_RATE, Audio

Float = npt.NDArray[np.float64]
Spans = Sequence[tuple[int, int]]
# Samples that are converted at a time: they stay in the processor's caches.
_RUN = 4096


def names_beside(
    stem: str, partition: Sequence[str], usable: Collection[str], heard: str = MIXTURE
) -> tuple[str, ...]:
    """Return the references that span, together with `stem` itself, the space of what was heard.

    They are the other stems of the partition; for a sum of stems, those that are no part of it; for a
    sub-stem, the other sub-stems of its parent in place of the parent.

    Args:
        stem: what is measured.
        partition: the dataset's stems that add up to the mixture.
        usable: stems of which this song has a recording.
        heard: the true stem that was all that a model heard, or the mixture, of which an estimated stem
            may hold everything.
    """
    parts = set(parts_of(stem))
    if stem == INSTRUMENTAL and stem not in partition:
        parts = set(without_voices(partition))
    if heard == MIXTURE:
        parents = {PARENT[part] for part in parts if part in PARENT} & set(partition)
        pool = {*partition, *(child for parent in parents for child in CHILDREN[parent])} - parents
    else:
        pool = set(CHILDREN[heard])
    return in_order(name for name in pool if name in usable and name not in parts)


@dataclass(frozen=True)
class Beside:
    """The references beside a stem.

    Attributes:
        names: of the references.
        signals: `(channels, samples)` each.
        grams: their inner products in each block, `(blocks, names, names)`.
    """

    names: tuple[str, ...]
    signals: Sequence[Audio]
    grams: Float


class ReferenceProducts:
    """Inner products among all references of a song, computed once for all stems.

    Args:
        read: returns the reference `(channels, samples)` of a name. It is called again for every stem:
            all references of a song together may not fit the memory.
        block_s: length of a block in seconds.
    """

    def __init__(self, read: Callable[[str], Audio], block_s: float) -> None:
        self._read, self._block_s = read, block_s
        self._known: dict[tuple[str, str], Float] = {}

    def learn(self, names: Iterable[str]) -> None:
        """Compute the products among `names`, if there are any that are not known."""
        names = tuple(dict.fromkeys(names))
        pairs = [(a, b) for a in names for b in names]
        if any(pair not in self._known for pair in pairs):
            signals = [self._read(name) for name in names]
            grams = grams_of(signals, spans_of(signals[0].shape[1], self._block_s))
            self._known |= zip(pairs, grams.reshape(len(grams), -1).T, strict=True)

    def beside(self, names: Sequence[str]) -> Beside:
        """Return the references called `names`, which were learnt before or are now."""
        self.learn(names)
        grams = np.array([self._known[a, b] for a in names for b in names])
        return Beside(
            tuple(names),
            [self._read(name) for name in names],
            grams.T.reshape(-1, len(names), len(names)) if names else np.zeros((0, 0, 0)),
        )


def spans_of(samples: int, block_s: float) -> list[tuple[int, int]]:
    """Return first sample and end of each block; the last one may be shorter."""
    block = max(1, round(block_s * SAMPLE_RATE))
    starts = range(0, max(1, samples), block)
    return [(start, min(start + block, samples)) for start in starts]


def grams_of(signals: Sequence[Audio], spans: Spans) -> Float:
    """Return the inner products of `signals` in each block, `(blocks, signals, signals)`."""
    found = np.zeros((len(spans), len(signals), len(signals)))
    buffer = np.empty((len(signals), signals[0].shape[0], _RUN))
    for place, (start, stop) in enumerate(spans):
        for first in range(start, stop, _RUN):
            length = min(_RUN, stop - first)
            for row, signal in zip(buffer, signals, strict=True):
                row[:, :length] = signal[:, first : first + length]
            found[place] += across(buffer[..., :length], buffer[..., :length])
    return found


def across(one: Float, other: Float) -> Float:
    """Return the products of `(i, channels, samples)` and `(j, channels, samples)`, `(i, j)`."""
    products: Float = np.matmul(one.swapaxes(0, 1), other.transpose(1, 2, 0)).sum(axis=0)
    return products
