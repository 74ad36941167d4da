"""The median magnitude of all models, with the phase of their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.separation.ensembles.phase import with_mean_phase
from stemwise.separation.ensembles.stft import Bins


def stft_median(estimates: Bins, models: Sequence[str], settings: Mapping[str, Any]) -> Bins:  # noqa: ARG001
    """Return bins of the median magnitude over models, `(models, 2, frames, bins)` → without `models`.

    The phase is that of the mean of the complex bins. MSST's `median_fft` sorts complex bins by their
    real part and takes the middle one; audio-separator's takes the medians of real and imaginary parts.
    """
    return with_mean_phase(np.median(np.abs(estimates), axis=0), estimates)
