"""The medians of real and imaginary parts of all models' bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.separation.ensembles.stft import Bins


def stft_median_parts(
    estimates: Bins,
    models: Sequence[str],  # noqa: ARG001
    settings: Mapping[str, Any],  # noqa: ARG001
) -> Bins:
    """Return bins of both medians over models, `(models, 2, frames, bins)` → without `models`.

    audio-separator's `median_fft`. It has no magnitude and phase of its own: it is the median of the
    spectrum seen as two real ones.
    """
    made = np.median(estimates.real, axis=0) + 1j * np.median(estimates.imag, axis=0)
    out: Bins = made.astype(np.complex64)
    return out
