"""In every bin the model with the smallest magnitude, phase and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.separation.ensembles.stft import Bins


def stft_min(estimates: Bins, models: Sequence[str], settings: Mapping[str, Any]) -> Bins:  # noqa: ARG001
    """Return the complex bin of the smallest magnitude, `(models, 2, frames, bins)` → without `models`.

    So the phase is that model's. Of equal magnitudes the model named first counts, as in MSST's and
    audio-separator's `min_fft`; UVR's Min Spec (audio-separator's `uvr_min_spec`) takes the last.
    """
    chosen = np.argmin(np.abs(estimates), axis=0)[None]
    made: Bins = np.take_along_axis(estimates, chosen, axis=0)[0]
    return made
