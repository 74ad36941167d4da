"""Is the new one not worse than the old one by more than a margin? Paired, with artists as clusters.

The null hypothesis is that the mean difference d (new − old, in dB) is −margin or less. It is rejected
where the lower bound of the one-sided 1 − α interval of d lies above −margin (`PASSED`); where the upper
bound lies below −margin, the new one is worse by more than the margin (`FAILED`); between the two there
are too few songs to say (`UNDECIDED`). Bounds and p-value rest on the t of `clusters`.

Where several stems must all pass, each is tested at α without a correction: the whole passes wrongly no
more often than its worst stem does (intersection-union test, Berger 1982, Technometrics 24:295).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from stemwise.analysis.clusters import clusters_of, interval, p_value, tracks_needed

Float = npt.NDArray[np.float64]
Outcome = Literal["passed", "failed", "undecided"]
PASSED: Outcome = "passed"
FAILED: Outcome = "failed"
UNDECIDED: Outcome = "undecided"


@dataclass(frozen=True)
class Comparison:
    """What a paired non-inferiority test says.

    Attributes:
        outcome: `passed`, `failed` or `undecided`.
        tracks: number of songs.
        artists: number of clusters.
        difference: mean of new − old in dB; None without songs.
        low: lower bound of its one-sided 1 − α interval; None with fewer than two artists.
        high: upper bound of the one-sided 1 − α interval on the other side.
        p_value: of the null hypothesis that the difference is −margin or less.
        tracks_needed: about how many such songs would decide (`needed`); None where it is decided, or
            unknown.
        artists_needed: of how many artists they are.
    """

    outcome: Outcome
    tracks: int
    artists: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    tracks_needed: int | None = None
    artists_needed: int | None = None


def compare(values: Float, labels: Sequence[str], margin: float, alpha: float = 0.05) -> Comparison:
    """Test whether new is not worse than old by more than a margin.

    Args:
        values: new − old of each song in dB, `(songs,)`, finite.
        labels: artist of each song.
        margin: in dB, 0 or more; 0 asks that new be better.
        alpha: how often a difference of −margin may pass, above 0 and below 0.5.
    """
    artists = len(set(labels))
    if not len(values):
        return Comparison(UNDECIDED, 0, 0)
    mean = float(values.mean())
    low, high = interval(values, labels, 2 * alpha)
    two_sided = p_value(values + margin, labels)
    if low is None or high is None or two_sided is None:
        return Comparison(UNDECIDED, len(values), artists, mean)
    outcome = PASSED if low > -margin else FAILED if high < -margin else UNDECIDED
    tracks = needed(values, labels, margin, alpha) if outcome == UNDECIDED else None
    return Comparison(
        outcome,
        len(values),
        artists,
        mean,
        low,
        high,
        two_sided / 2 if mean > -margin else 1 - two_sided / 2,
        tracks,
        None if tracks is None else round(tracks * artists / len(values)),
    )


def needed(values: Float, labels: Sequence[str], margin: float, alpha: float) -> int | None:
    """Return about how many such songs decide in 4 of 5 studies where new and old are equally good.

    That is the usual plan of a non-inferiority trial: the spread is the one observed, the difference is
    not, since it is what nobody knows yet. Where that says no more songs than there are, new seems to
    be worse, and the observed difference is taken. None where no number that one could have would do.

    Args:
        values: new − old of each song in dB, `(songs,)`.
        labels: artist of each song; others are taken to have as many songs.
        margin: in dB.
        alpha: of the test.
    """
    critical = float(stats.t.isf(alpha, clusters_of(labels).freedom))
    equal = tracks_needed(values - values.mean() + margin, labels, critical)
    if equal is None or equal > len(values):
        return equal
    return tracks_needed(values + margin, labels, critical)
