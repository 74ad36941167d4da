"""Energies of the two parts of `bss_sdr`, projection x∗h and remainder y − x∗h, block by block.

Both are quadratic in the filter h, with the block's correlations as coefficients, so no block needs to
be filtered. For the block's own samples alone, ‖x∗h‖² = Σₖ a[k]·r[k] over the correlations r of x and a
of h; what the filter carries over a block's edge is computed from the 511 samples on both sides of it.
Where that loses digits (the remainder lies far below the estimate, the filter is huge), the block is
filtered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import fft

from stemwise.core.types import Audio

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Values = TypeVar("Values", Float, npt.NDArray[np.complex128])
# Terms that exceed their sum by more than this leave it fewer than eleven digits.
_CANCELLATION = 1e5


@dataclass(frozen=True)
class Edges:
    """First and last samples of the reference in each block, `(blocks, channels, taps − 1)` each.

    Zeros follow the first ones where a block is shorter; the last ones belong to whole blocks.
    """

    heads: Float
    tails: Float

    @classmethod
    def of(cls, reference: Audio, spans: Sequence[tuple[int, int]], length: int) -> Edges:
        """Cut them out of `reference` `(channels, samples)`."""
        heads = np.zeros((len(spans), reference.shape[0], length))
        tails = np.zeros_like(heads)
        for index, (start, stop) in enumerate(spans):
            head = reference[:, start : min(start + length, stop)]
            tail = reference[:, max(start, stop - length) : stop]
            heads[index, :, : head.shape[1]] = head
            tails[index, :, length - tail.shape[1] :] = tail
        return cls(heads, tails)


def by_correlation(
    filters: Float, auto: Float, cross: Float, edges: Edges, energy: Float
) -> tuple[Float, Float, Bool]:
    """Return projection, remainder and where they have lost digits, `(blocks, estimates)` each.

    Args:
        filters: `(estimates, channels, taps)`.
        auto: correlations of the reference in each block, `(blocks, channels, taps)`.
        cross: those of the estimates with the reference, `(blocks, estimates, channels, taps)`.
        edges: of the reference; all blocks but the last are at least taps − 1 samples long.
        energy: ‖y‖² of each block, `(blocks, estimates)`.
    """
    taps = filters.shape[-1]
    size = int(fft.next_fast_len(2 * taps, real=True))
    spectra, heads, tails = (
        fft.rfft(signal, size, axis=-1) for signal in (filters, edges.heads, edges.tails)
    )
    inside = auto.copy()
    inside[..., 1:] -= fft.irfft(np.conj(heads) * _before(tails), size, axis=-1)[
        ..., taps - 2 :: -1
    ]
    own = fft.irfft(np.square(np.abs(spectra)), size, axis=-1)[..., :taps]
    own[..., 1:] *= 2
    projection = np.einsum("bck,eck->be", inside, own, optimize=True)
    heard = auto[..., 0] + _before(np.square(edges.tails).sum(axis=-1))
    scale = heard @ np.linalg.norm(own, axis=-1).T
    for estimate, spectrum in enumerate(spectra):
        change, terms = _over_edges(heads * spectrum, tails * spectrum, size, taps)
        projection[:, estimate] += change
        scale[:, estimate] += terms
    shared = np.einsum("beck,eck->be", cross, filters, optimize=True)
    remainder = energy - 2 * shared + projection
    lost = scale > _CANCELLATION * projection
    lost |= 2 * (scale + energy) > _CANCELLATION * remainder
    return projection, remainder, lost & (scale + energy > 0)


def _before(values: Values) -> Values:
    """Return of each block what belongs to the one before it, 0 of the first."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def _over_edges(
    heads: npt.NDArray[np.complex128], tails: npt.NDArray[np.complex128], size: int, taps: int
) -> tuple[Float, Float]:
    """Return what the filter carries into a block minus what it carries out, and the terms' size.

    Args:
        heads: spectra of the filtered first samples, `(blocks, channels, bins)`.
        tails: those of the last samples.
        size: of the transforms.
        taps: of the filter.
    """
    start = fft.irfft(heads, size, axis=-1)[..., : taps - 1]
    out = fft.irfft(tails, size, axis=-1)[..., taps - 1 : 2 * taps - 2]
    leaving = np.square(out).sum(axis=(1, 2))
    arrived, met = _before(leaving), _before(out) * start
    terms = leaving + arrived + 2 * np.abs(met).sum(axis=(1, 2))
    leaving[-1] = (
        0  # nothing follows: the tail beyond the end of the track belongs to the last block
    )
    return arrived + 2 * met.sum(axis=(1, 2)) - leaving, terms


class ByFiltering:
    """Filters blocks with the filters of a track and takes energies there.

    Args:
        reference: `(channels, samples)`.
        estimates: of the same shape each.
        filters: `(estimates, channels, taps)`.
        block: samples of the longest block.
    """

    def __init__(
        self, reference: Audio, estimates: Sequence[Audio], filters: Float, block: int
    ) -> None:
        self._reference, self._estimates = reference, estimates
        self._reach = filters.shape[-1] - 1
        self._size = int(fft.next_fast_len(block + 2 * self._reach, real=True))
        self._spectra = fft.rfft(filters, self._size, axis=-1)

    def __call__(self, start: int, stop: int, wanted: Bool) -> tuple[Float, Float]:
        """Return projection and remainder of the wanted estimates in the samples `start` … `stop` − 1.

        The filter's tail beyond the end of the track belongs to the last block.
        """
        first = max(0, start - self._reach)
        around = self._reference[:, first:stop].astype(np.float64)
        spectrum = fft.rfft(around, self._size, axis=-1) * self._spectra[wanted]
        last = stop == self._reference.shape[1]
        end = stop - first + (self._reach if last else 0)
        projected = fft.irfft(spectrum, self._size, axis=-1)[..., start - first : end]
        rest = -projected
        for place, estimate in zip(rest, compress(self._estimates, wanted), strict=True):
            place[:, : stop - start] += estimate[:, start:stop]
        return np.square(projected).sum(axis=(1, 2)), np.square(rest).sum(axis=(1, 2))
