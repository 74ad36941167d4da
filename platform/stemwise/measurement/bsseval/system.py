"""The normal equations of BSS Eval's distortion filters, factorised once for many estimates.

The best filters from references x_p to an estimate y solve G·h = d, with
G[(p, l), (q, m)] = Σₙ x_p[n − l]·x_q[n − m] and d[(p, l)] = Σₙ y[n]·x_p[n − l] (Vincent, Gribonval &
Févotte 2006, section III). G depends on the references only, so all models of a track share its
Cholesky factor. Each reference is scaled to unit energy first: a quiet stem is no bad condition.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from stemwise.core.errors import AudioError

_ITERATIONS = 4
_LARGEST_LOAD = 1e-6


class FilterSystem:
    """Solves for filters from a set of references.

    Args:
        correlations: Σₙ x_p[n]·x_q[n − k] over the whole track, `(p, q, taps)`, float64; no reference
            may be silent.

    Raises:
        AudioError: the references hold values that are no numbers.
    """

    def __init__(self, correlations: Tensor) -> None:
        self.taps = correlations.shape[-1]
        self._scale = correlations.diagonal()[0].rsqrt()
        scaled = correlations * self._scale[:, None, None] * self._scale[:, None]
        if not torch.isfinite(scaled).all():
            raise AudioError(
                "A reference holds samples that are not finite numbers: replace its file."
            )
        # no row of the matrix has a larger sum of magnitudes than all lags of its reference have
        positive, negative = scaled.abs(), scaled.transpose(0, 1)[..., 1:].abs()
        self._norm = float((positive.sum(dim=-1) + negative.sum(dim=-1)).sum(dim=1).max())
        self._factor, self._load = _factorise(_block_toeplitz(scaled))

    @cached_property
    def condition(self) -> float:
        """Estimate of the condition number of the scaled matrix.

        It is inf where the matrix is singular up to rounding and had to be loaded on its diagonal.
        """
        return math.inf if self._load else self._norm * self._inverse_norm()

    def solve(self, cross: Tensor) -> Tensor:
        """Return the filters `(estimates, p, taps)` of right-hand sides d of the same shape."""
        columns = (cross * self._scale[:, None]).reshape(len(cross), -1).T
        solved = torch.cholesky_solve(columns, self._factor)
        return solved.T.reshape(cross.shape) * self._scale[:, None]

    def _inverse_norm(self) -> float:
        """Estimate 1 / the smallest eigenvalue by inverse iteration from a fixed start."""
        generator = torch.Generator().manual_seed(0)
        vector = torch.randn(len(self._factor), 1, dtype=torch.float64, generator=generator)
        vector = vector.to(self._factor.device)
        length = 1.0
        for _ in range(_ITERATIONS):
            vector = torch.cholesky_solve(vector / vector.norm(), self._factor)
            length = float(vector.norm())
        return length


def _block_toeplitz(correlations: Tensor) -> Tensor:
    """Return G as `(p·taps, p·taps)`; element (l, m) of block (p, q) is the correlation at m − l."""
    count, _, taps = correlations.shape
    negative = correlations.transpose(0, 1).flip(-1)[..., :-1]
    lags = torch.cat((negative, correlations), dim=-1)
    matrix = lags.new_empty(count, taps, count, taps)
    for row, windows in enumerate(lags):  # row by row, so that only the matrix itself is large
        matrix[row] = windows.unfold(-1, taps, 1).flip(-2).transpose(0, 1)
    return matrix.reshape(count * taps, count * taps)


def _factorise(matrix: Tensor) -> tuple[Tensor, float]:
    """Return the Cholesky factor, and by how much the unit diagonal was loaded for it to exist."""
    load = 0.0
    while True:
        factor, info = torch.linalg.cholesky_ex(matrix)
        if not info:
            return factor, load
        if load >= _LARGEST_LOAD:  # no Gram matrix of real signals is so far from positive
            raise AudioError("The references are linearly dependent: are two stems the same file?")
        more = max(1e-14, 10 * load)
        matrix.diagonal().add_(more - load)
        load = more
