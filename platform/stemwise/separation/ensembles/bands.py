"""Weights of the models per frequency band."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.core.checks import is_number
from stemwise.core.errors import ConfigError
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.separation.ensembles.stft import Bins

_LARGEST = 100  # as of a linear blend


def bands(estimates: Bins, models: Sequence[str], settings: Mapping[str, Any]) -> Bins:
    """Return Σ weight·estimate with weights per band, `(models, 2, frames, bins)` → without `models`.

    `edges_hz` divide the spectrum into one band more than there are edges; `weights` maps each model to
    one weight per band, which need not sum to 1. A bin belongs to one band (the one above, on an edge),
    so equal weights in all bands are a linear blend exactly.

    Raises:
        ConfigError: edges that do not rise, or weights that are not one number per model and band.
    """
    edges = _edges(settings["edges_hz"])
    weights = _weights(settings["weights"], models, len(edges) + 1)
    frequencies = np.arange(estimates.shape[-1]) * (SAMPLE_RATE / settings["n_fft"])
    per_bin = weights[:, np.searchsorted(edges, frequencies, side="right")]
    made: Bins = np.einsum("mcfb,mb->cfb", estimates, per_bin)
    return made


def _edges(value: object) -> list[float]:
    half = SAMPLE_RATE / 2
    edges = list(value) if isinstance(value, list | tuple) else []
    rising = all(_is_number(edge) for edge in edges) and edges == sorted(set(edges))
    if not edges or not rising or not 0 < edges[0] <= edges[-1] < half:
        raise ConfigError(
            f"edges_hz={value} is not usable: list rising frequencies between 0 and {half:g} Hz."
        )
    return edges


def _weights(value: object, models: Sequence[str], count: int) -> Audio:
    if not isinstance(value, Mapping) or set(value) != set(models):
        raise ConfigError(f"weights must map each of {', '.join(models)} to a list of weights.")
    for model, own in value.items():
        listed = own if isinstance(own, list | tuple) else []
        if len(listed) != count or not all(_is_number(w) and abs(w) <= _LARGEST for w in listed):
            raise ConfigError(
                f"the weights of {model!r} are {own}: list {count} numbers of at most ±{_LARGEST}, one "
                "per band."
            )
    return np.array([value[model] for model in models], np.float32)


def _is_number(value: object) -> bool:
    return is_number(value) and math.isfinite(value)
