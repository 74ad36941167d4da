"""Uncertainty over artists: songs of one artist resemble each other and are not independent.

Intervals come from a bootstrap that draws artists (clusters), not songs, with replacement. p-values come
from a test that flips the sign of all differences of an artist at once; of few artists there are too few
patterns for a small p-value, and a t-test on the artists' sums takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

Float = npt.NDArray[np.float64]
DRAWS = 4000
_EXACT = 12  # up to this many clusters all sign patterns are tried


def draw_clusters(labels: Sequence[str], draws: int = DRAWS, seed: int = 0) -> Float:
    """Return how often each item is in each draw, `(draws, items)`: clusters with replacement.

    The array is read-only: all intervals over the same tracks share one.
    """
    return _drawn(tuple(map(str, labels)), draws, seed)


@lru_cache(maxsize=8)
def _drawn(labels: tuple[str, ...], draws: int, seed: int) -> Float:
    names, index = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    if not len(names):
        return np.zeros((draws, 0))
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    drawn = np.asarray(counts[:, index], dtype=np.float64)
    drawn.flags.writeable = False
    return drawn


def interval(
    values: Float, labels: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the mean of `values` `(items,)`; None where there is one cluster."""
    if len(set(labels)) < 2:
        return None, None  # one artist tells nothing about others
    drawn = draw_clusters(labels, draws, seed)
    low, high = np.percentile(drawn @ values / drawn.sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def sign_flip_p(
    differences: Float, labels: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> float | None:
    """Return the two-sided p-value of a mean difference of 0, flipping signs artist by artist.

    Exact where there are few artists (all 2^n patterns), else from random patterns, the observed one
    among them. None with fewer than two artists.
    """
    names, index = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.bincount(index, weights=differences)
    if len(names) <= _EXACT:
        patterns = 1 - 2.0 * (np.arange(2 ** len(names))[:, None] >> np.arange(len(names)) & 1)
    else:
        random = np.random.default_rng(seed)
        patterns = random.choice([-1.0, 1.0], size=(draws, len(names)))
        patterns[0] = 1.0
    means = np.abs(patterns @ sums)
    # rounding must not tell a pattern from its equal
    return float(np.mean(means >= abs(sums.sum()) * (1 - 1e-12)))


def cluster_t_p(differences: Float, labels: Sequence[str]) -> float | None:
    """Return the two-sided p-value of a t-test of a mean of 0 with cluster-robust standard error.

    t = mean / SE, SE² = G/(G−1)·Σ_g u_g²/n², where u_g is the sum of cluster g's deviations from the
    mean of all n differences, against Student's t with G − 1 degrees of freedom (G clusters). With one
    song per artist it is the paired t-test. None with fewer than two artists.
    """
    names, index = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    count = len(names)
    if count < 2:
        return None
    mean = float(differences.mean())
    sums = np.bincount(index, weights=differences - mean)
    error = math.sqrt(count / (count - 1) * float(sums @ sums)) / len(differences)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / error, count - 1))


def paired_p(differences: Float, labels: Sequence[str], seed: int = 0) -> float | None:
    """Return the p-value of a mean difference of 0: by t-test up to 12 artists, else by sign flips."""
    if len(set(labels)) <= _EXACT:
        return cluster_t_p(differences, labels)
    return sign_flip_p(differences, labels, seed=seed)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted by Holm's step-down method; unknown ones stay unknown."""
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        adjusted[index] = largest
    return adjusted


def tracks_needed(differences: Float, power_z: float = 0.84, level_z: float = 1.96) -> int | None:
    """Return about how many such tracks a difference like this needs to be seen in 4 of 5 studies.

    n = ((z_level + z_power)·σ/δ)², the sample size of a paired test at 5 % with power 80 %. None
    where the difference or its spread is 0, or there is one track.
    """
    if len(differences) < 2:
        return None
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if mean == 0 or spread == 0:
        return None
    return max(2, int(np.ceil(((level_z + power_z) * spread / mean) ** 2)))
