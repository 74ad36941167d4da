"""The multichannel Wiener filter of Open-Unmix, by expectation maximisation.

Each source is a Gaussian of power v_j(t, f) and spatial covariance R_j(f) (Nugraha, Liutkus & Vincent
2016, "Multichannel music separation with deep neural networks"). An iteration estimates both from the
current estimates, the covariance as their weighted empirical one (Uhlich et al. 2017, eq. 5), and
filters the mixture: y_j = v_j R_j (Σ_k v_k R_k + √ε I)⁻¹ x.
"""

from __future__ import annotations

import torch
from torch import Tensor

_EPSILON = 1e-10
_LARGEST = 10.0  # magnitude to which a louder mixture is scaled meanwhile


def refine(magnitudes: Tensor, mixture: Tensor, iterations: int = 1) -> Tensor:
    """Return complex estimates `(sources, 2, bins, frames)` from magnitudes of that shape.

    Args:
        magnitudes: of the sources, not negative.
        mixture: complex `(2, bins, frames)`; its phase is what the first estimates have.
        iterations: of expectation maximisation; 0 returns the first estimates.
    """
    loudness = mixture.abs()
    phase = torch.where(
        loudness > 0, mixture / loudness.clamp_min(torch.finfo(loudness.dtype).tiny), 1
    )
    estimates = magnitudes * phase
    if iterations == 0:
        return estimates
    scale = (loudness.amax() / _LARGEST).clamp_min(1.0)
    heard, estimates = mixture / scale, estimates / scale
    for _ in range(iterations):
        estimates = _iterate(estimates, heard)
    return estimates * scale


def _iterate(estimates: Tensor, mixture: Tensor) -> Tensor:
    power = (estimates.real**2 + estimates.imag**2).mean(dim=1)  # sources, bins, frames
    spread = torch.einsum("jabf,jcbf->jacb", estimates, estimates.conj())
    spatial = spread / (_EPSILON + power.sum(dim=-1))[:, None, None]
    weights = power.to(spatial.dtype)
    covariance = torch.einsum("jbf,jacb->acbf", weights, spatial)
    covariance[0, 0] += _EPSILON**0.5
    covariance[1, 1] += _EPSILON**0.5
    whitened = _solve(covariance, mixture)
    return torch.einsum("jacb,cbf->jabf", spatial, whitened) * weights[:, None]


def _solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return matrix⁻¹·vector for 2×2 matrices `(2, 2, …)` and vectors `(2, …)`."""
    (a, b), (c, d) = matrix
    x, y = vector
    out: Tensor = torch.stack([d * x - b * y, a * y - c * x]) / (a * d - b * c)
    return out
