"""Many pairs at once: p-values and intervals that hold for all pairs of a stem together.

With 8 artists or more the pairs' joint distribution does the adjusting: the signs of all differences
of an artist are flipped at once, the largest |t| of all pairs is noted, and a pair is adjusted by how
often that exceeds its own |t|; pairs that are decided leave the family (step-down max-T, Westfall &
Young 1993). t is studentised by `Clusters`, so pairs of any spread compare. The smallest p-value is one
of 4000 patterns however many pairs there are, while Bonferroni's and Holm's multiply it by their number.
Of fewer artists there are too few patterns (7: p ≥ 1/64), and Holm's method adjusts the p-values of the
t distribution, which have no such floor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from stemwise.analysis.clusters import LEVEL, Clusters

Float = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
DRAWS = 4000
FEW = 8  # artists from which signs are flipped
_EXACT = 12  # up to this many artists all patterns are tried
_AT_ONCE = 4_000_000  # values of one intermediate array
_EQUAL = 1 - 1e-12  # rounding must not tell a pattern from its equal


@dataclass(frozen=True)
class Family:
    """All pairs of a stem, decided together; arrays `(pairs,)`.

    Attributes:
        difference: mean of A − B in dB.
        error: its standard error.
        p_value: of a difference of 0, for the pair alone.
        p_adjusted: of a difference of 0, for all pairs together; never below `p_value`.
        critical: what |t| must exceed to be significant: difference ± critical·error leaves 0
            out just where p_adjusted is below 0.05.
    """

    difference: Float
    error: Float
    p_value: Float
    p_adjusted: Float
    critical: Float


def family(
    values: Float,
    clusters: Clusters,
    first: Index,
    second: Index,
    seed: int = 0,
    draws: int = DRAWS,
) -> Family:
    """Compare the pairs `first[k]`, `second[k]` of models.

    Args:
        values: finite scores in dB, `(models, items)`.
        clusters: of the items, two or more.
        first: index of model A of each pair.
        second: index of model B.
        seed: of the random patterns.
        draws: how many there are.
    """
    sums = clusters.sums(values)
    identity = np.ones((1, len(clusters)))
    observed = _studentised(identity, sums, clusters, first, second)
    difference, error, t = (row[0] for row in observed)
    alone = 2 * stats.t.sf(t, clusters.freedom)
    if len(clusters) < FEW:
        adjusted, critical = _holm(t, alone, clusters.freedom)
    else:
        rows = max(1, _AT_ONCE // max(len(clusters), len(first)))
        patterns = _patterns(len(clusters), rows, draws, seed)
        adjusted, critical = _step_down(t, _flipped(sums, clusters, first, second, patterns))
    bound = float(stats.t.isf(LEVEL / 2, clusters.freedom))
    return Family(
        difference, error, alone, np.maximum(adjusted, alone), np.maximum(critical, bound)
    )


def _studentised(
    signs: Float, sums: Float, clusters: Clusters, first: Index, second: Index
) -> tuple[Float, Float, Float]:
    """Return differences, errors and |t|, `(patterns, pairs)`, under `signs` `(patterns, clusters)`.

    With flipped sums sS of a pair and their mean m over all N items, the deviations sS − nm have the
    sum of squares ΣS² − 2m Σ n sS + m² Σn².
    """
    sizes = clusters.sizes
    means = signs @ sums.T / sizes.sum()
    weighted = signs @ (sizes * sums).T
    m = means[:, first] - means[:, second]
    squares = ((sums[first] - sums[second]) ** 2).sum(axis=1)
    rest = squares - 2 * m * (weighted[:, first] - weighted[:, second]) + m**2 * (sizes @ sizes)
    error = np.sqrt(clusters.factor * np.where(rest > 1e-12 * squares, rest, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(m) / error
    return m, error, np.where(np.isnan(t), 0.0, t)  # equal scores everywhere: 0 of 0


def _flipped(
    sums: Float, clusters: Clusters, first: Index, second: Index, patterns: Iterator[Float]
) -> Float:
    """Return |t| of all pairs under each pattern of signs, `(patterns, pairs)`, the observed first."""
    return np.concatenate(
        [_studentised(signs, sums, clusters, first, second)[2] for signs in patterns]
    )


def _patterns(count: int, rows: int, draws: int, seed: int) -> Iterator[Float]:
    """Yield patterns of signs, `(at most rows, count)`; −1 times a pattern has the same |t|."""
    if count <= _EXACT:
        every = np.arange(2 ** (count - 1))[:, None] >> np.arange(count) & 1
        yield np.where(every, -1.0, 1.0)
        return
    random = np.random.default_rng(seed)
    for start in range(0, draws, rows):
        flipped = random.integers(0, 2, (min(rows, draws - start), count))
        if start == 0:
            flipped[0] = 0
        yield np.where(flipped, -1.0, 1.0)


def _step_down(t: Float, flipped: Float) -> tuple[Float, Float]:
    """Return p-values adjusted by step-down max-T, and the critical value of each pair's step."""
    order = np.argsort(-t, kind="stable")
    # of each pattern the largest |t| of a pair and all that come after it
    largest = np.maximum.accumulate(flipped[:, order[::-1]], axis=1)[:, ::-1]
    p = np.mean(largest >= t[order] * _EQUAL, axis=0)
    allowed = math.ceil(LEVEL * len(flipped))
    # often a pair's own t; t/error·error must not come out above it
    critical = -np.partition(-largest, allowed - 1, axis=0)[allowed - 1] / _EQUAL
    return _descend(order, p, critical)


def holm(p: Float) -> Float:
    """Return p-values `(tests,)` adjusted for all tests together (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    left = len(p) - np.arange(len(p))
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, p[order] * left))
    return adjusted


def _holm(t: Float, p: Float, freedom: float) -> tuple[Float, Float]:
    """Return p-values adjusted by Holm's method, and the critical value of each pair's step."""
    order = np.argsort(-t, kind="stable")
    left = len(p) - np.arange(len(p))
    critical = stats.t.isf(LEVEL / (2 * left), freedom)
    return _descend(order, np.minimum(1.0, p[order] * left), critical)


def _descend(order: Index, p: Float, critical: Float) -> tuple[Float, Float]:
    """Make p-values monotone down the steps; after the first that fails, its critical value holds."""
    failed = np.flatnonzero(p >= LEVEL)
    if len(failed):
        critical = critical.copy()
        critical[failed[0] :] = critical[failed[0]]
    adjusted, bounds = np.empty_like(p), np.empty_like(p)
    adjusted[order], bounds[order] = np.maximum.accumulate(p), critical
    return adjusted, bounds
