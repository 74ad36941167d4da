"""Energies of filtered frames, from correlations or, where those lack digits, by filtering.

For filters h_p (impulse responses from references x_p to one channel) and the frame's correlations
r_pq[k] = Σₙ x_p[n]·x_q[n − k],  ‖Σ_p h_p∗x_p‖² = Σ_pq Σ_k a_pq[k]·r_pq[k]  with the filters' own
correlations a_pq[k] = Σ_l h_p[l]·h_q[l + k], counted twice for k > 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy import fft
from torch import Tensor

# w∗x, s + w∗x, q∗x − w∗x, s + q∗x: the energies of frames that the ratios need, and e − q∗x last
SPATIAL, IMAGE, INTERFERENCE, MIXED, ARTIFACTS = range(5)
# A sum of terms of which the largest exceed it by more than this has lost too many digits.
_CANCELLATION = 1e7


@dataclass(frozen=True)
class Filters:
    """The fitted filters of the residuals of one model, `(outputs, references, taps)` each.

    Outputs are the channels of all stems, one stem after the other; references are distinct channels.
    `own` (w) uses the channels of the output's own stem only and is 0 elsewhere; `every` (q) uses all;
    `identity` is the filter that gives the output's own reference channel, 0 where that is silent.
    """

    own: Tensor
    every: Tensor
    identity: Tensor
    channels: int

    def sets(self) -> Tensor:
        """Return the filters of the first four energies and q, `(5, outputs, references, taps)`."""
        w, q, unit = self.own, self.every, self.identity
        return torch.stack((w, unit + w, q - w, unit + q, q))


def by_correlation(
    filters: Filters, inside: Tensor, cross: Tensor, residual: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the five energies of each frame, and where they have lost digits to cancellation.

    Args:
        filters: the filters of the whole track.
        inside: correlations of the references in each frame, `(frames, references, references, taps)`.
        cross: those of the residuals with the references, `(frames, outputs, references, taps)`.
        residual: ‖e‖², `(frames, stems)`.

    Returns:
        `(5, frames, stems)`, and a mask `(frames,)`.
    """
    weights = _filter_correlations(filters).flatten(2)  # (5, stems, ...)
    products = inside.flatten(1)
    energies = torch.stack([products @ weight.T for weight in weights])
    size = torch.stack([products.abs() @ weight.abs().T for weight in weights])
    shared = torch.einsum("fopk,opk->fo", cross, filters.every)
    shared = shared.reshape(len(shared), -1, filters.channels).sum(dim=-1)
    energies[ARTIFACTS] += residual - 2 * shared
    size[ARTIFACTS] += residual
    lost = (size > _CANCELLATION * energies).any(dim=-1).any(dim=0)
    return energies, lost


def _filter_correlations(filters: Filters) -> Tensor:
    """Return a_pq, summed over each stem's channels, `(5, stems, references, references, taps)`."""
    taps = filters.every.shape[-1]
    size = int(fft.next_fast_len(2 * taps, real=True))
    spectra = torch.fft.rfft(filters.sets(), size)
    spectra = spectra.unflatten(1, (-1, filters.channels))
    products = torch.einsum("ejcpf,ejcqf->ejpqf", spectra.conj(), spectra)
    lags: Tensor = torch.fft.irfft(products, size)[..., :taps]
    lags[..., 1:] *= 2
    return lags


class ByFiltering:
    """Filters frames with the filters of a track, in the frequency domain, and takes energies there.

    Args:
        filters: the filters of the whole track.
        window: samples per frame.
    """

    def __init__(self, filters: Filters, window: int) -> None:
        self.channels = filters.channels
        self.size = int(fft.next_fast_len(window + filters.every.shape[-1] - 1, real=True))
        self._own = torch.fft.rfft(filters.own, self.size)
        self._every = torch.fft.rfft(filters.every, self.size)

    def __call__(self, references: Tensor, sources: Tensor, residuals: Tensor) -> Tensor:
        """Return the five energies of one frame, `(5, stems)`.

        Args:
            references: the distinct channels, `(references, window)`.
            sources: the reference channel of each output, `(outputs, window)`.
            residuals: estimates minus `sources`, of the same shape.
        """
        x, s, e = (torch.fft.rfft(signal, self.size) for signal in (references, sources, residuals))
        w = torch.einsum("opf,pf->of", self._own, x)
        q = torch.einsum("opf,pf->of", self._every, x)
        return torch.stack([self._energy(part) for part in (w, s + w, q - w, s + q, e - q)])

    def _energy(self, spectrum: Tensor) -> Tensor:
        """Return Parseval's sum per stem; only the edge bins of a real signal occur once."""
        power = spectrum.real.square() + spectrum.imag.square()
        both = 2 * power.sum(dim=-1) - power[:, 0]
        if self.size % 2 == 0:
            both -= power[:, -1]
        return both.reshape(-1, self.channels).sum(dim=-1) / self.size


def identity(places: Sequence[int], references: int, taps: int) -> Tensor:
    """Return the filters that pick for each output its own reference, `(outputs, references, taps)`."""
    unit = torch.zeros(len(places), references, taps, dtype=torch.float64)
    for output, place in enumerate(places):
        if place >= 0:
            unit[output, place, 0] = 1
    return unit
