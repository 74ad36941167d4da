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
_MOST_ARTISTS = 100_000  # more than anybody will ever have


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


def cluster_error(differences: Float, labels: Sequence[str]) -> float | None:
    """Return the cluster-robust standard error of the mean difference; None with one cluster.

    SE² = G/(G−1)·Σ_g u_g²/n², where u_g is the sum of the deviations of cluster g (of G) from the mean
    of all n differences.
    """
    names, index = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    count = len(names)
    if count < 2:
        return None
    sums = np.bincount(index, weights=differences - float(differences.mean()))
    return math.sqrt(count / (count - 1) * float(sums @ sums)) / len(differences)


def cluster_t_p(differences: Float, labels: Sequence[str]) -> float | None:
    """Return the two-sided p-value of a t-test of a mean of 0 with cluster-robust standard error.

    t = mean / SE (`cluster_error`), against Student's t with G − 1 degrees of freedom (G clusters).
    With one song per artist it is the paired t-test. None with fewer than two artists.
    """
    error, mean = cluster_error(differences, labels), float(np.mean(differences))
    if error is None:
        return None
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / error, len(set(labels)) - 1))


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


def tracks_needed(
    differences: Float, labels: Sequence[str], pairs: int = 1, level: float = 0.05
) -> int | None:
    """Return about how many such tracks would tell a difference like this in 4 of 5 studies.

    It is the sample size of the test that is used (`cluster_t_p`) where `pairs` differences are tested
    at `level` together: the least number of artists G for which a noncentral t with G − 1 degrees of
    freedom and noncentrality √G·d exceeds the quantile of 1 − level/(2·pairs) with probability 0.8,
    where d = mean/(SE·√artists) as they are now, times the tracks per artist. None where the
    difference or its spread is 0, where there is one artist, or where no number that one could have
    would do.
    """
    count, error = len(set(labels)), cluster_error(differences, labels)
    mean = abs(float(np.mean(differences))) if len(differences) else 0.0
    if error is None or error == 0 or mean == 0:
        return None
    effect, tail = mean / (error * math.sqrt(count)), level / (2 * pairs)
    # of a normal distribution, and so too few
    artists = max(2, math.ceil(((stats.norm.isf(tail) + stats.norm.isf(0.2)) / effect) ** 2))
    while artists <= _MOST_ARTISTS and _power(effect, artists, tail) < 0.8:
        artists += max(1, artists // 50)
    return None if artists > _MOST_ARTISTS else math.ceil(artists * len(differences) / count)


def _power(effect: float, artists: int, tail: float) -> float:
    """Return how often a two-sided t-test of so many artists sees an effect (in its own direction)."""
    bound = stats.t.isf(tail, artists - 1)
    return float(stats.nct.sf(bound, artists - 1, effect * math.sqrt(artists)))
