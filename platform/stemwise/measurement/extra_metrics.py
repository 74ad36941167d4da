"""Optional scores, `metric.extra=[…]`: those of Music-Source-Separation-Training."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from stemwise.core.errors import MissingDependencyError
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.measurement.spectral_metrics import bleedless_fullness, l1_freq
from stemwise.storage.tables import EXTRA_METRICS


def extra_scores(
    names: Collection[str], reference: Audio, estimate: Audio, mixture: Audio
) -> dict[str, float]:
    """Return the scores `names` (of `EXTRA_METRICS`) of one estimate; higher is better.

    Args:
        names: what to compute.
        reference: `(channels, samples)`.
        estimate: of the same shape.
        mixture: what the model heard, of the same shape; only `log_wmse` uses it.

    Raises:
        MissingDependencyError: the package of `log_wmse` is not installed.
    """
    found: dict[str, float] = {}
    if {"bleedless", "fullness"} & set(names):
        found["bleedless"], found["fullness"] = bleedless_fullness(reference, estimate)
    if "l1_freq" in names:
        found["l1_freq"] = l1_freq(reference, estimate)
    if "log_wmse" in names:
        found["log_wmse"] = float(load_log_wmse()(mixture, estimate, reference, SAMPLE_RATE))
    return {name: found[name] for name in EXTRA_METRICS if name in names}


def load_log_wmse() -> Callable[[Audio, Audio, Audio, int], np.floating[Any]]:
    """Return `calculate_log_wmse` of the metric's own authors.

    Raises:
        MissingDependencyError: their package is not installed. It is no extra of stemwise because it
            asks for a version of soxr below ours, which it only needs at other sample rates.
    """
    try:
        module = importlib.import_module("log_wmse_audio_quality")
    except ImportError as error:
        raise MissingDependencyError(
            "metric.extra=[log_wmse] needs the package 'log-wmse-audio-quality', which is not "
            "installed: run `pip install --no-deps log-wmse-audio-quality==0.2.0`."
        ) from error
    calculate: Callable[[Audio, Audio, Audio, int], np.floating[Any]] = module.calculate_log_wmse
    return calculate
