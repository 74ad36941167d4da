"""The median of all models, sample by sample: one model that errs alone is not heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.core.types import Audio


def median(estimates: Audio, models: Sequence[str], settings: Mapping[str, Any]) -> Audio:  # noqa: ARG001
    """Return the median over models, `(models, 2, n)` → `(2, n)`; of an even number, the middle two's.

    MSST's and audio-separator's `median_wave`.
    """
    made: Audio = np.median(estimates, axis=0)
    return made
