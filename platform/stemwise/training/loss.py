"""The training loss: the error's energy in dB below the input, with a floor.

10·log10(‖x − x̂‖² + τ‖m‖²) − 10·log10‖m‖², the thresholded SNR of Wisdom et al. 2020 (Unsupervised
sound separation using mixture invariant training, eq. 2), taken relative to the input m instead of
the reference x: it stays defined where a stem is silent. A quiet stem counts as much as a loud one.
"""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-3  # −30 dB: errors below are good enough for a small network


def relative_errors_db(
    estimates: Tensor, targets: Tensor, inputs: Tensor, floor: float = FLOOR
) -> Tensor:
    """Return the loss in dB of every example and stem, `(batch, stems)`.

    Args:
        estimates: `(batch, stems, channels, samples)`.
        targets: of the same shape.
        inputs: `(batch, channels, samples)`.
        floor: τ.
    """
    error = (estimates - targets).square().sum(dim=(-2, -1))
    heard = inputs.square().sum(dim=(-2, -1))[:, None] + 1e-8
    return 10 * torch.log10(error + floor * heard) - 10 * torch.log10(heard)
