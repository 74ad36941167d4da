"""What every engine of BSS Eval v4 computes, and what they have in common.

They score all stems of a model together: a frame in which any of them is silent is undefined for all. A
model with a single stem is scored beside its complement, mixture − stem, as is usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stemwise.core.types import Audio

RATIOS = ("sdr", "isr", "sir", "sar")
METRICS = tuple(f"museval_{ratio}" for ratio in RATIOS)
# The name under which the stem that a single estimate leaves over is scored.
COMPLEMENT = "the rest"
# In exact arithmetic these ratios would be infinite; what is printed is float64's rounding.
INFINITE_DB = 200.0

Scores = dict[str, dict[str, float | None]]


class Engine(Protocol):
    """Scores the stems of one model below one parent of one track."""

    def __call__(
        self, references: Mapping[str, Audio], estimates: Mapping[str, Audio], mixture: Audio
    ) -> Scores:
        """Return stem → metric → median over frames of a second in dB; None where undefined.

        Args:
            references: stem → `(2, samples)`. Within one parent of one track, a stem's name decides
                what its reference is.
            estimates: the same stems of one model.
            mixture: the parent, `(2, samples)`.
        """


def with_complement(stems: Mapping[str, Audio], mixture: Audio) -> dict[str, Audio]:
    """Return `stems`, and what a single one of them leaves of the mixture."""
    whole = dict(stems)
    if len(whole) == 1:
        whole[COMPLEMENT] = mixture - next(iter(whole.values()))
    return whole


def median(frames: npt.NDArray[np.float64]) -> float | None:
    """Return the median of the defined frames as museval's own tables do: infinite ones are left out."""
    defined = frames[~np.isnan(frames) & (np.abs(frames) < INFINITE_DB)]
    return float(np.median(defined)) if len(defined) else None
