"""A stem's SNR predicted without its reference, and judged on held-out artists.

Two ridge regressions are fitted per stem: on all features, and on the level alone. What counts are
predictions for artists that were left out: their rank correlation with the SNR, and how wide an interval
must be. A stem whose songs are not ranked with certainty, or whose predictions are no closer than the
mean, gets none, and all features are only
used where they are certainly closer than the level, or the level alone ranks nothing. Size, power and
coverage are simulated in benchmarks/quality_simulation.py (docs/quality.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from stemwise.analysis.clusters import interval
from stemwise.analysis.cross_fit import Index, folds_of
from stemwise.separation.quality import LEVEL, Quality

Float = npt.NDArray[np.float64]
LEAST_ARTISTS = 6
OUTSIDE = 0.1  # share of songs beyond the intervals that are shown
_FOLDS = 20  # up to as many artists each one is left out alone
_RIDGE = 1.0  # tracks' worth of shrinkage, of standardised features
_PRIOR = 1  # artist's worth of the SNR's own spread in that of the errors
_MARGIN = 0.5  # of the range of a feature, beyond which nothing is predicted
_CERTAIN = float(stats.norm.isf(0.025))
_LARGEST = 1 - 1e-9  # of a rank correlation whose interval is asked for


@dataclass(frozen=True)
class Ranks:
    """Spearman's rank correlation between predictions and SNR with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Candidate:
    """One regression, and how it does on artists that it has not seen.

    Attributes:
        names: of the features.
        predicted: held-out predictions of the tracks in dB, `(tracks,)`.
        ranks: None where predictions or SNRs are all equal.
        half_width: of the 90 % interval of a new song, in dB.
        sigma, usual: root mean square errors of the predictions, and of the other artists' mean SNR.
        coverage: share of tracks within intervals that were made without their artists.
    """

    names: tuple[str, ...]
    predicted: Float
    ranks: Ranks | None
    sigma: float
    usual: float
    half_width: float
    coverage: float | None

    @property
    def established(self) -> bool:
        """Whether it ranks songs of new artists with certainty, and is closer than the mean SNR."""
        return self.ranks is not None and self.ranks.low > 0 and self.sigma < self.usual


@dataclass(frozen=True)
class QualityFit:
    """What a stem's SNR was predicted from, and whether that is good enough to be shown.

    Attributes:
        used: positions of the tracks that have all features and a finite SNR.
        snr: theirs, `(used,)`.
        artists: how many they are by.
        every, level: the regressions; None with too few artists.
        chosen: the one that is shown, if any.
        quality: that one, fitted to all tracks.
        why: why not, or why the level alone is shown.
    """

    used: Index
    snr: Float
    artists: int
    every: Candidate | None = None
    level: Candidate | None = None
    chosen: Candidate | None = None
    quality: Quality | None = None
    why: str | None = None


def fit_quality(
    features: Mapping[str, Float], snr: Float, artists: Sequence[str], seed: int = 0
) -> QualityFit:
    """Fit both regressions to the tracks of one stem, and choose.

    Args:
        features: by name, `(tracks,)` each, the level among them.
        snr: of the stem in dB, `(tracks,)`.
        artists: cluster label of each track.
        seed: of the folds, where there are more artists than folds.
    """
    usable = np.isfinite(snr) & np.isfinite(np.array(list(features.values()))).all(axis=0)
    used = np.flatnonzero(usable)
    labels = [artists[int(track)] for track in used]
    count = len(set(labels))
    columns = {name: values[used] for name, values in features.items()}
    if count < LEAST_ARTISTS:
        why = f"too few artists: {count} of at least {LEAST_ARTISTS}"
        return QualityFit(used, snr[used], count, why=why)
    every, level = (
        _candidate({name: columns[name] for name in names}, snr[used], labels, seed)
        for names in (tuple(columns), (LEVEL,))
    )
    chosen, note = _choose(every, level, snr[used], labels)
    quality = None if chosen is None else _final(chosen, level, columns, snr[used], count)
    return QualityFit(used, snr[used], count, every, level, chosen, quality, note)


def _choose(
    every: Candidate, level: Candidate, snr: Float, artists: Sequence[str]
) -> tuple[Candidate | None, str | None]:
    closer = np.abs(level.predicted - snr) - np.abs(every.predicted - snr)
    low, _ = interval(closer, artists)
    if every.established and (not level.established or (low is not None and low > 0)):
        return every, None
    if level.established:
        return level, "all features together are not certainly closer than the level alone"
    if any(one.ranks is not None and one.ranks.low > 0 for one in (every, level)):
        return None, "held-out predictions are no closer than the mean SNR"
    return None, "held-out predictions do not rank songs with certainty"


def _candidate(
    columns: Mapping[str, Float], snr: Float, artists: Sequence[str], seed: int
) -> Candidate:
    x = np.stack(list(columns.values()), axis=1)
    predicted = _held_out(x, snr, artists, seed)
    count = len(set(artists))
    sigma, half = _spread(predicted, snr, count, x.shape[1])
    ranks = _ranks(predicted, snr, count)
    mean = _held_out(np.zeros((len(snr), 1)), snr, artists, seed)
    usual = math.sqrt(float(np.mean((mean - snr) ** 2)))
    covered = _coverage(x, snr, artists, seed)
    return Candidate(tuple(columns), predicted, ranks, sigma, usual, half, covered)


def _final(
    chosen: Candidate, level: Candidate, columns: Mapping[str, Float], snr: Float, artists: int
) -> Quality:
    assert chosen.ranks is not None
    x = np.stack([columns[name] for name in chosen.names], axis=1)
    slopes, intercept = ridge(x, snr)
    low, high = x.min(axis=0), x.max(axis=0)
    margin = _MARGIN * (high - low)
    ranges = zip(low - margin, high + margin, strict=True)
    return Quality(
        chosen.names,
        tuple(round(float(slope), 6) for slope in slopes),
        round(intercept, 6),
        round(chosen.sigma, 4),
        round(chosen.half_width, 4),
        tuple((round(float(a), 4), round(float(b), 4)) for a, b in ranges),
        round(chosen.ranks.value, 4),
        None if level.ranks is None else round(level.ranks.value, 4),
        len(snr),
        artists,
    )


def ridge(x: Float, y: Float) -> tuple[Float, float]:
    """Return the slopes `(features,)` and the intercept of `y` `(n,)` on `x` `(n, features)`.

    Features are standardised first, and their slopes shrunken as by `_RIDGE` further tracks; a feature
    that does not vary has the slope 0.
    """
    centre, spread = x.mean(axis=0), x.std(axis=0)
    varies = spread > 1e-9 * (1 + np.abs(centre))
    scale = np.where(varies, spread, 1.0)
    z = np.where(varies, (x - centre) / scale, 0.0)
    slopes = np.linalg.solve(z.T @ z + _RIDGE * np.eye(z.shape[1]), z.T @ (y - y.mean())) / scale
    return slopes, float(y.mean() - slopes @ centre)


def _held_out(x: Float, y: Float, artists: Sequence[str], seed: int) -> Float:
    """Return predictions for each track by regressions without its artist."""
    found = np.zeros(len(y))
    for held, rest in _parts(artists, seed):
        slopes, intercept = ridge(x[rest], y[rest])
        found[held] = x[held] @ slopes + intercept
    return found


def _parts(artists: Sequence[str], seed: int) -> list[tuple[Index, Index]]:
    """Return the tracks that are left out, and the others, for every part."""
    folds = folds_of(artists, _FOLDS, seed)
    assert folds is not None
    return [(held, np.setdiff1d(np.arange(len(artists)), held)) for held in folds]


def _spread(predicted: Float, snr: Float, artists: int, features: int) -> tuple[float, float]:
    """Return the root mean square of held-out errors, and the half width of a new song's interval.

    Errors of left-out artists contain that of the regression. Yet with few artists a prediction is shown
    where its errors happen to be small, and intervals from them alone cover too little: the SNR's own
    spread counts as the error of one more artist. Artists, not tracks, are the degrees of freedom of t.
    """
    error, spread = float(np.mean((predicted - snr) ** 2)), float(np.var(snr))
    wide = math.sqrt((artists * error + _PRIOR * max(spread, error)) / (artists + _PRIOR))
    return math.sqrt(error), float(stats.t.isf(OUTSIDE / 2, artists - features - 1)) * wide


def _coverage(x: Float, y: Float, artists: Sequence[str], seed: int) -> float | None:
    """Return the share of tracks within intervals that follow from the other artists alone."""
    inside: list[bool] = []
    for held, rest in _parts(artists, seed):
        others = [artists[track] for track in rest]
        count = len(set(others))
        if count - x.shape[1] - 1 < 1:
            return None
        inner = _held_out(x[rest], y[rest], others, seed)
        _, half = _spread(inner, y[rest], count, x.shape[1])
        slopes, intercept = ridge(x[rest], y[rest])
        inside += (np.abs(x[held] @ slopes + intercept - y[held]) <= half).tolist()
    return sum(inside) / len(inside)


def _ranks(predicted: Float, snr: Float, artists: int) -> Ranks | None:
    """Return the rank correlation with its interval over artists (Bonett & Wright 2000, eq. 3)."""
    one, other = stats.rankdata(predicted), stats.rankdata(snr)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    value = float(np.corrcoef(one, other)[0, 1])
    bound = max(-_LARGEST, min(_LARGEST, value))
    half = _CERTAIN * math.sqrt((1 + bound**2 / 2) / (artists - 3))
    return Ranks(value, math.tanh(math.atanh(bound) - half), math.tanh(math.atanh(bound) + half))
