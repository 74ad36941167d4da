"""The mean of all models without the largest and smallest, sample by sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.core.checks import is_number
from stemwise.core.errors import ConfigError
from stemwise.core.types import Audio


def trimmed_mean(estimates: Audio, models: Sequence[str], settings: Mapping[str, Any]) -> Audio:  # noqa: ARG001
    """Return the mean over models, `(models, 2, n)` → `(2, n)`, of all but the extremes.

    The share `trim` of the models is left out at either end, rounded down but one at least: of three or
    four models that leaves the median.

    Raises:
        ConfigError: `trim` leaves nothing.
    """
    trim, count = settings["trim"], len(estimates)
    if not is_number(trim) or not 0 <= trim < 0.5:
        raise ConfigError(f"trim={trim} is not usable: give a share from 0 up and below 0.5.")
    cut = max(1, int(trim * count))
    made: Audio = np.sort(estimates, axis=0)[cut : count - cut].mean(axis=0)
    return made
