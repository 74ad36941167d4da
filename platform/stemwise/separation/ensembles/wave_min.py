"""In every sample the model that is quietest there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.core.types import Audio


def wave_min(estimates: Audio, models: Sequence[str], settings: Mapping[str, Any]) -> Audio:  # noqa: ARG001
    """Return the sample of the smallest magnitude over models, `(models, 2, n)` → `(2, n)`.

    Of equal magnitudes the model named first counts, as in MSST's and audio-separator's `min_wave`.
    """
    chosen = np.argmin(np.abs(estimates), axis=0)[None]
    made: Audio = np.take_along_axis(estimates, chosen, axis=0)[0]
    return made
