"""The phase of ensembles that combine magnitudes."""

from __future__ import annotations

import numpy as np

from stemwise.core.types import Audio
from stemwise.separation.ensembles.stft import Bins


def with_mean_phase(magnitudes: Audio, estimates: Bins) -> Bins:
    """Return bins of these magnitudes `(…)` with the phase of the mean of `estimates` `(models, …)`.

    Where the models cancel each other exactly the mean has no phase, and the bin is silent.
    """
    mean = estimates.mean(axis=0)
    length = np.abs(mean)
    made: Bins = mean * np.divide(magnitudes, length, out=np.zeros_like(length), where=length > 0)
    return made
