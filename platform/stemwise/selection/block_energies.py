"""Energies per block of the scores that are ratios of sums over time, from rows of `measurements`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise.measurement.energy_ratios import si_sdr_energies, snr_energies
from stemwise.measurement.gram import unpack
from stemwise.selection.bootstrap import Energies

Float = npt.NDArray[np.float64]
Blocks = Sequence[Mapping[str, Any]]


def _products(blocks: Blocks, models: Sequence[str]) -> tuple[Float, Float, Float]:
    """Return ⟨x,x⟩, ⟨x,x̂⟩, ⟨x̂,x̂⟩ as `(models, blocks)`."""
    signals = list(blocks[0]["signals"])
    grams = unpack(np.array([row["gram"] for row in blocks]))
    index = [signals.index(model) for model in models]
    reference = np.repeat(grams[:, 0, 0][None], len(models), axis=0)
    return reference, grams[:, 0, index].T, grams[:, index, index].T


def _snr(blocks: Blocks, models: Sequence[str]) -> Energies:
    return Energies(*snr_energies(*_products(blocks, models)))


def _si_sdr(blocks: Blocks, models: Sequence[str]) -> Energies:
    rr, ry, yy = _products(blocks, models)
    gain = ry.sum(axis=1, keepdims=True) / rr.sum(axis=1, keepdims=True)
    return Energies(*si_sdr_energies(rr, ry, yy, gain))


def _bss_sdr(blocks: Blocks, models: Sequence[str]) -> Energies:
    index = [list(blocks[0]["signals"]).index(model) - 1 for model in models]
    projection = np.array([row["bss_projection"] for row in blocks])[:, index].T
    remainder = np.array([row["bss_remainder"] for row in blocks])[:, index].T
    return Energies(projection, remainder)


def _parts_of_error(column: str) -> Callable[[Blocks, Sequence[str]], Energies]:
    """Return the energies of a score whose residual is a part of the scale-free error."""

    def energies(blocks: Blocks, models: Sequence[str]) -> Energies:
        index = [list(blocks[0]["signals"]).index(model) - 1 for model in models]
        rr, ry, _ = _products(blocks, models)
        gain = ry.sum(axis=1, keepdims=True) / rr.sum(axis=1, keepdims=True)
        return Energies(gain**2 * rr, np.array([row[column] for row in blocks])[:, index].T)

    return energies


# By column of `scores`; museval's medians over frames are no ratios of sums and are absent.
BLOCK_ENERGIES: dict[str, Callable[[Blocks, Sequence[str]], Energies]] = {
    "snr": _snr,
    "si_sdr": _si_sdr,
    "bss_sdr": _bss_sdr,
    "si_sir": _parts_of_error("si_interference"),
    "si_sar": _parts_of_error("si_artifacts"),
}
