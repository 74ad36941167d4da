"""The mean magnitude of all models, with the phase of their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.separation.ensembles.phase import with_mean_phase
from stemwise.separation.ensembles.stft import Bins


def stft_avg(estimates: Bins, models: Sequence[str], settings: Mapping[str, Any]) -> Bins:  # noqa: ARG001
    """Return bins of the mean magnitude over models, `(models, 2, frames, bins)` → without `models`.

    The phase is that of the mean of the complex bins. MSST's and audio-separator's `avg_fft` average the
    complex bins, which is the mean of the waveforms: that is a recipe of equal weights, and where the
    models' phases differ it is quieter than this one.
    """
    return with_mean_phase(np.abs(estimates).mean(axis=0), estimates)
