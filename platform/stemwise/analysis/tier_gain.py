"""Predicting what a dearer tier gains on a song, and whether the prediction is worth anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from stemwise.analysis.clusters import interval

Float = npt.NDArray[np.float64]
Estimate = tuple[float, float | None, float | None]


def fit_gain(found: Float, gains: Float) -> Float:
    """Return intercept and coefficients of gains in dB, `(1 + features,)`.

    Least squares whose coefficients are shrunken by 1 − 1/F (no less than 0), with F the regression's
    F statistic: the best factor for prediction as it is estimated from the same songs (Copas 1983;
    van Houwelingen & Le Cessie 1990). Where a song tells nothing, all that remains is the mean.

    Args:
        found: features of the songs, `(songs, features)`.
        gains: in dB, `(songs,)`.
    """
    centre, mean = found.mean(axis=0), float(gains.mean())
    slopes, _, rank, _ = np.linalg.lstsq(found - centre, gains - mean, rcond=1e-9)
    freedom = len(gains) - int(rank) - 1
    fitted = (found - centre) @ slopes
    explained, left = float(fitted @ fitted), float(np.sum((gains - mean - fitted) ** 2))
    factor = 0.0
    if rank and freedom > 0 and explained > 0:
        factor = max(0.0, 1 - (left / freedom) / (explained / rank))
    slopes = factor * slopes
    return np.concatenate([[mean - centre @ slopes], slopes])


def predicted(coefficients: Float, found: Float) -> Float:
    """Return the gains that `fit_gain`'s coefficients predict, `(songs,)`."""
    gains: Float = coefficients[0] + found @ coefficients[1:]
    return gains


def over_chance(signal: Float, gains: Float, artists: Sequence[str]) -> Estimate:
    """Return what choosing songs by `signal` gains over choosing them at random, with a 95 % interval.

    It is the mean over all shares of songs that go on: the area between the cascade's curve and the line
    of random mixes, (1/n) Σ (rankᵢ/n − mean)·(gᵢ − ḡ). One number, so no threshold is picked by its
    outcome; its interval is by artist.

    Args:
        signal: a prediction that has not seen the song, `(songs,)`; only its order counts.
        gains: in dB, `(songs,)`.
        artists: cluster of each song.
    """
    ranks = stats.rankdata(signal) / len(signal)
    values = (ranks - ranks.mean()) * (gains - gains.mean())
    return (float(values.mean()), *interval(values, artists))
