"""Energies per block of the scores that are ratios of sums over time, from `measurements`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemwise.measurement.energy_ratios import si_sdr_energies, snr_energies
from stemwise.selection.stem_blocks import StemBlocks

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Energies:
    """Target and residual energies `(blocks, signals)` of one score."""

    target: Float
    residual: Float

    def of(self, models: Iterable[int]) -> Energies:
        """Return those of some signals, by their positions."""
        index = list(models)
        return Energies(self.target[:, index], self.residual[:, index])


def _products(blocks: StemBlocks) -> tuple[Float, Float, Float]:
    """Return ⟨x,x⟩ `(blocks, 1)`, ⟨x,x̂⟩ and ⟨x̂,x̂⟩ `(blocks, signals − 1)`."""
    packed, size = blocks.columns["gram"], len(blocks.signals)
    # places in the upper triangle, row by row: (0, i) is i, and row i begins with (i, i)
    diagonal = [i * size - i * (i - 1) // 2 for i in range(1, size)]
    return packed[:, :1], packed[:, 1:size], packed[:, diagonal]


def _gain(blocks: StemBlocks, rr: Float, ry: Float) -> Float:
    """Return the best gain of each stem's whole track, `(blocks, signals − 1)`."""
    total = (np.add.reduceat(part, blocks.starts, axis=0) for part in (ry, rr))
    return np.repeat(np.divide(*total), blocks.counts, axis=0)


def _snr(blocks: StemBlocks) -> Energies:
    target, residual = snr_energies(*_products(blocks))
    return Energies(np.broadcast_to(target, residual.shape), residual)


def _si_sdr(blocks: StemBlocks) -> Energies:
    rr, ry, yy = _products(blocks)
    return Energies(*si_sdr_energies(rr, ry, yy, _gain(blocks, rr, ry)))


def _bss_sdr(blocks: StemBlocks) -> Energies:
    return Energies(blocks.columns["bss_projection"], blocks.columns["bss_remainder"])


def _parts_of_error(column: str) -> Callable[[StemBlocks], Energies]:
    """Return the energies of a score whose residual is a part of the scale-free error."""

    def energies(blocks: StemBlocks) -> Energies:
        rr, ry, _ = _products(blocks)
        return Energies(_gain(blocks, rr, ry) ** 2 * rr, blocks.columns[column])

    return energies


# By column of `scores`: what of `measurements` it needs, and how it follows, for every signal but the
# reference; museval's medians over frames are no ratios of sums and are absent.
BLOCK_ENERGIES: dict[str, tuple[tuple[str, ...], Callable[[StemBlocks], Energies]]] = {
    "snr": (("gram",), _snr),
    "si_sdr": (("gram",), _si_sdr),
    "bss_sdr": (("bss_projection", "bss_remainder"), _bss_sdr),
    "si_sir": (("gram", "si_interference"), _parts_of_error("si_interference")),
    "si_sar": (("gram", "si_artifacts"), _parts_of_error("si_artifacts")),
}


def energies(score: str, blocks: StemBlocks) -> Energies:
    """Return the energies of a score for every signal but the reference."""
    return BLOCK_ENERGIES[score][1](blocks)


def columns_of(scores: Iterable[str]) -> frozenset[str]:
    """Return the columns of `measurements` that scores need; none where one has none per block."""
    found = list(scores)
    if not set(found) <= set(BLOCK_ENERGIES):
        return frozenset()
    return frozenset(column for score in found for column in BLOCK_ENERGIES[score][0])
