"""All tracks of one stem as quadratic forms: what any blend of its models would have scored.

Only tracks on which every model was measured are in it, so that models and blends are never compared
on different tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stemwise.core.errors import ConfigError
from stemwise.measurement.energy_ratios import (
    artifact_energies,
    decibels,
    interference_energies,
    si_sdr_energies,
    snr_energies,
)
from stemwise.selection.rules import get_rule

Float = npt.NDArray[np.float64]
_WEIGHTS_AT_ONCE = 1 << 22  # values of one intermediate array


@dataclass(frozen=True)
class StemForms:
    """The statistics of `BlendStatistics`, stacked over tracks.

    Attributes:
        stem: name of the stem.
        models: names.
        tracks: (dataset, track id) of each row.
        energy: ‖x‖², `(tracks,)`.
        cross: `(tracks, models)`.
        gram, projection, overlap, span: `(tracks, models, models)`.
    """

    stem: str
    models: tuple[str, ...]
    tracks: tuple[tuple[str, str], ...]
    energy: Float
    cross: Float
    gram: Float
    projection: Float
    overlap: Float
    span: Float

    def __len__(self) -> int:
        return len(self.tracks)

    def at(self, index: npt.ArrayLike) -> StemForms:
        """Return the tracks at these positions (or where a mask is true)."""
        where = np.arange(len(self))[np.asarray(index)]
        arrays = ("energy", "cross", "gram", "projection", "overlap", "span")
        return replace(
            self,
            tracks=tuple(self.tracks[i] for i in where),
            **{name: getattr(self, name)[where] for name in arrays},
        )

    def only(self, models: Sequence[str]) -> StemForms:
        """Return the forms of some models, in the order given."""
        index = [self.models.index(model) for model in models]
        squares = ("gram", "projection", "overlap", "span")
        return replace(
            self,
            models=tuple(models),
            cross=self.cross[:, index],
            **{name: getattr(self, name)[:, index][:, :, index] for name in squares},
        )

    def snr(self, weights: npt.ArrayLike) -> Float:
        """Return the SNR in dB, `(..., tracks)`, of blends with `weights` `(..., models)`."""
        w = np.asarray(weights, dtype=np.float64)
        return decibels(*snr_energies(self.energy, w @ self.cross.T, _form(w, self.gram)))

    def si_sdr(self, weights: npt.ArrayLike) -> Float:
        """Return the SI-SDR in dB, `(..., tracks)`."""
        w = np.asarray(weights, dtype=np.float64)
        product = w @ self.cross.T
        gain = product / self.energy
        return decibels(*si_sdr_energies(self.energy, product, _form(w, self.gram), gain))

    def si_sir(self, weights: npt.ArrayLike) -> Float:
        """Return the SI-SIR in dB, `(..., tracks)`."""
        w = np.asarray(weights, dtype=np.float64)
        product, inside = w @ self.cross.T, _form(w, self.span)
        return decibels(*interference_energies(self.energy, product, inside, self._size(w)))

    def si_sar(self, weights: npt.ArrayLike) -> Float:
        """Return the SI-SAR in dB, `(..., tracks)`."""
        w = np.asarray(weights, dtype=np.float64)
        outside = _form(w, self.gram - self.span)
        return decibels(*artifact_energies(self.energy, w @ self.cross.T, outside, self._size(w)))

    def _size(self, weights: Float) -> Float:
        """Return Σ abs(wᵢ)·‖x̂ᵢ‖, `(..., tracks)`: what blends are made of."""
        levels = np.sqrt(np.diagonal(self.gram, axis1=1, axis2=2))
        size: Float = np.abs(weights) @ levels.T
        return size

    def bss_sdr(self, weights: npt.ArrayLike) -> Float:
        """Return the 512-tap BSS Eval SDR in dB, `(..., tracks)`."""
        w = np.asarray(weights, dtype=np.float64)
        target = _form(w, self.projection)
        rest = _form(w, self.gram - 2 * self.overlap + self.projection)
        return decibels(np.maximum(target, 0.0), np.maximum(rest, 0.0))

    def score(self, weights: npt.ArrayLike, pair: tuple[str, str], rule: str) -> Float:
        """Return the score in dB, `(..., tracks)`: a rule of two scores.

        Raises:
            ConfigError: a score that does not follow from quadratic forms (museval's medians).
        """
        unknown = [name for name in pair if name not in LINEAR_SCORES]
        if unknown:
            raise ConfigError(
                f"{unknown[0]} of a blend needs its audio: choose a metric= made of "
                f"{', '.join(LINEAR_SCORES)}."
            )
        first, second = (getattr(self, name)(weights) for name in pair)
        return get_rule(rule)(first, second)


LINEAR_SCORES = ("snr", "si_sdr", "bss_sdr", "si_sir", "si_sar")


def _form(weights: Float, matrices: Float) -> Float:
    """Return wᵀMw, `(..., tracks)`, in pieces that fit the cache's neighbourhood."""
    flat = weights.reshape(-1, weights.shape[-1])
    outer = max(1, _WEIGHTS_AT_ONCE // max(1, matrices.shape[0] * matrices.shape[1]))
    square = matrices.reshape(len(matrices), -1).T
    pieces = [
        np.einsum("wi,wj->wij", part, part).reshape(len(part), -1) @ square
        for part in (flat[start : start + outer] for start in range(0, len(flat), outer))
    ]
    joined = np.concatenate(pieces) if pieces else np.zeros((0, len(matrices)))
    return joined.reshape(*weights.shape[:-1], len(matrices))
