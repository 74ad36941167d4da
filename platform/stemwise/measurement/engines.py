"""Which program computes BSS Eval v4: ours (`torch`), or the package `museval` as the reference.

Both score all stems of a model together: a frame in which any of them is silent is undefined for all. A
model with a single stem is scored beside its complement, mixture − stem, as is usual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stemwise.core.errors import ConfigError
from stemwise.core.types import Audio

RATIOS = ("sdr", "isr", "sir", "sar")
METRICS = tuple(f"museval_{ratio}" for ratio in RATIOS)
ENGINES = ("torch", "museval")
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


def load_engine(name: str, tell: Callable[[str], None] = lambda _: None) -> Engine:
    """Return the engine `name` for one parent of one track.

    Args:
        name: one of `ENGINES`.
        tell: receives a sentence where the references make the scores uncertain.

    Raises:
        ConfigError: there is no such engine.
    """
    if name == "torch":
        from stemwise.measurement.bsseval_engine import TorchEngine

        return TorchEngine(tell)
    if name == "museval":
        from stemwise.measurement.museval_engine import museval_scores

        return museval_scores
    raise ConfigError(f"metric.engine={name} is unknown: use one of {', '.join(ENGINES)}.")


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
