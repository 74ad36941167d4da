"""Scores of any linear blend of models, from the tables alone.

For a blend ŷ = Σ wᵢx̂ᵢ every whole-track score is a ratio of quadratic forms of the weights:

* ‖x − ŷ‖² = ‖x‖² − 2 wᵀc + wᵀGw, with cᵢ = ⟨x, x̂ᵢ⟩ and Gᵢⱼ = ⟨x̂ᵢ, x̂ⱼ⟩ (SNR, SI-SDR);
* the distortion filter of BSS Eval is linear in the estimate, h = Σ wᵢhᵢ, so the energies of its
  projection and remainder are wᵀPw and wᵀ(G − 2D + P)w, with Pᵢⱼ = Σ_c hᵢᵀRhⱼ and Dᵢⱼ = Σ_c dᵢᵀhⱼ. R
  is the Toeplitz matrix of the reference’s autocorrelation, dᵢ its correlation with estimate i
  over 512 lags;
* the projection P on the span of the song's references is linear too, so with Sᵢⱼ = ⟨Px̂ᵢ, Px̂ⱼ⟩ and
  a = wᵀc/‖x‖² interference is wᵀSw − a²‖x‖² and artefacts are wᵀ(G − S)w (SI-SIR, SI-SAR).

The table `forms` holds all of them, one row per stem of a track.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import matmul_toeplitz

from stemwise.measurement.energy_ratios import (
    artifact_energies,
    decibels,
    interference_energies,
    si_sdr_energies,
    snr_energies,
)
from stemwise.measurement.gram import unpack

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BlendStatistics:
    """The quadratic forms of one stem of one track, for `models` in this order.

    Attributes:
        models: names, the mixture among them.
        energy: ‖x‖².
        cross: ⟨x, x̂ᵢ⟩, `(models,)`.
        gram: ⟨x̂ᵢ, x̂ⱼ⟩, `(models, models)`.
        projection: inner products of the estimates' projections, `(models, models)`.
        overlap: symmetric part of ⟨x̂ᵢ, projection of x̂ⱼ⟩, `(models, models)`.
        span: inner products of the projections on all references, `(models, models)`.
    """

    models: tuple[str, ...]
    energy: float
    cross: Float
    gram: Float
    projection: Float
    overlap: Float
    span: Float

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> BlendStatistics:
        """Return what a row of the table `forms` holds."""
        return cls(
            tuple(row["models"]),
            float(row["energy"]),
            np.array(row["cross"], dtype=np.float64),
            *(unpack(row[name]) for name in ("gram", "projection", "overlap", "span")),
        )

    def only(self, models: Sequence[str]) -> BlendStatistics:
        """Return the forms of some of the models, in the order given."""
        index = [self.models.index(model) for model in models]
        square = np.ix_(index, index)
        return BlendStatistics(
            tuple(models),
            self.energy,
            self.cross[index],
            self.gram[square],
            self.projection[square],
            self.overlap[square],
            self.span[square],
        )

    def snr(self, weights: npt.ArrayLike) -> Float:
        """Return the SNR in dB of the blends with `weights` `(..., models)`."""
        w = np.asarray(weights, dtype=np.float64)
        return decibels(*snr_energies(self.energy, w @ self.cross, _form(w, self.gram)))

    def si_sdr(self, weights: npt.ArrayLike) -> Float:
        """Return the SI-SDR in dB of the blends with `weights` `(..., models)`."""
        w = np.asarray(weights, dtype=np.float64)
        product = w @ self.cross
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = product / self.energy
        return decibels(*si_sdr_energies(self.energy, product, _form(w, self.gram), gain))

    def si_sir(self, weights: npt.ArrayLike) -> Float:
        """Return the SI-SIR in dB of the blends with `weights` `(..., models)`."""
        w = np.asarray(weights, dtype=np.float64)
        product, inside = w @ self.cross, _form(w, self.span)
        return decibels(*interference_energies(self.energy, product, inside, self._size(w)))

    def si_sar(self, weights: npt.ArrayLike) -> Float:
        """Return the SI-SAR in dB of the blends with `weights` `(..., models)`."""
        w = np.asarray(weights, dtype=np.float64)
        outside = _form(w, self.gram - self.span)
        return decibels(*artifact_energies(self.energy, w @ self.cross, outside, self._size(w)))

    def _size(self, weights: Float) -> Float:
        """Return Σ abs(wᵢ)·‖x̂ᵢ‖: what a blend is made of."""
        size: Float = np.abs(weights) @ np.sqrt(np.diagonal(self.gram))
        return size

    def bss_sdr(self, weights: npt.ArrayLike) -> Float:
        """Return the 512-tap BSS Eval SDR in dB of the blends with `weights` `(..., models)`."""
        w = np.asarray(weights, dtype=np.float64)
        target = _form(w, self.projection)
        rest = _form(w, self.gram) - 2 * _form(w, self.overlap) + target
        return decibels(target, np.maximum(rest, 0.0))


def projections(auto: Float, cross: Float, filters: Float) -> tuple[Float, Float]:
    """Return P and the symmetric part of D (see above), `(models, models)` each.

    Args:
        auto: autocorrelation of the reference, `(channels, taps)`.
        cross: correlations of the estimates with it, `(models, channels, taps)`.
        filters: the best filters, of the same shape.
    """
    size = len(cross)
    projection, overlap = np.zeros((size, size)), np.zeros((size, size))
    for channel, correlation in enumerate(auto):
        own = filters[:, channel]
        projection += own @ matmul_toeplitz(correlation, own.T)
        overlap += cross[:, channel] @ own.T
    return (projection + projection.T) / 2, (overlap + overlap.T) / 2


def _form(weights: Float, matrix: Float) -> Float:
    """Return wᵀMw for `(..., models)`."""
    value: Float = np.einsum("...i,ij,...j->...", weights, matrix, weights, optimize=True)
    return value
