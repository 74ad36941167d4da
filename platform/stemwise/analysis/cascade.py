"""Replaying cascades: which tier answers each song, and what that scores and costs.

A song begins with the first tier and goes on as long as the next one promises enough. What a cascade is
worth is told against mixing tiers at random: at the same mean cost, the best mixture of tiers that are
run alone, whatever the song.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemwise.analysis.clusters import interval

Float = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Estimate = tuple[float, float | None, float | None]


@dataclass(frozen=True)
class Policy:
    """What one rule of going on comes to.

    Attributes:
        score: mean in dB with its 95 % interval.
        gain: over the first tier, likewise.
        over_mix: over the best random mixture of tiers at the same mean cost, likewise.
        cost: mean cost of a song.
        share: of the songs that went beyond the first tier.
    """

    score: Estimate
    gain: Estimate
    over_mix: Estimate
    cost: float
    share: float


@dataclass(frozen=True)
class Ladder:
    """Tiers on the same songs, cheap first.

    Attributes:
        scores: in dB, `(tiers, songs)`, each song held out.
        alone: cost of each tier by itself, `(tiers,)`.
        so_far: cost of a tier and all before it, where each model runs once, `(tiers,)`.
        artists: cluster of each song.
    """

    scores: Float
    alone: Float
    so_far: Float
    artists: Sequence[str]

    def tier(self, number: int) -> Policy:
        """Return what one tier is worth that is run by itself for all songs."""
        return self._policy(np.full(self.scores.shape[1], number), self.alone)

    def cascade(self, promised: Float, worth: float) -> Policy:
        """Return what going on is worth wherever the next tier promises `worth` dB.

        Args:
            promised: gain of each tier over the one before, `(tiers − 1, songs)`.
            worth: in dB.
        """
        return self._policy(reached(promised, worth), self.so_far)

    def true_promises(self) -> Float:
        """Return what an oracle would promise: the best gain that lies ahead, `(tiers − 1, songs)`."""
        ahead = np.maximum.accumulate(self.scores[::-1])[::-1]
        return np.asarray(ahead[1:] - self.scores[:-1])

    def _policy(self, tiers: Index, price: Float) -> Policy:
        songs = np.arange(self.scores.shape[1])
        own, cost = self.scores[tiers, songs], price[tiers]
        return Policy(
            self._estimate(own),
            self._estimate(own - self.scores[0]),
            self._over_mix(own, cost),
            float(cost.mean()),
            float((tiers > 0).mean()),
        )

    def _over_mix(self, own: Float, cost: Float) -> Estimate:
        """Compare with the mixture of the two tiers between which the mean cost lies.

        With λ as the share of the dearer one, which itself is a mean over songs, song i counts
        sᵢ − aᵢ − λ(bᵢ − aᵢ) − (λᵢ − λ)(b̄ − ā): for two tiers, (wentᵢ − share)·(gainᵢ − mean gain).
        """
        low, high = self._between(float(cost.mean()))
        a, b = self.scores[low], self.scores[high]
        step = self.alone[high] - self.alone[low]
        if step <= 0:
            return self._estimate(own - a)
        each = (cost - self.alone[low]) / step
        share = float(each.mean())
        values = own - a - share * (b - a) - (each - share) * float((b - a).mean())
        return self._estimate(values)

    def _between(self, cost: float) -> tuple[int, int]:
        """Return the tiers of the best mixture at a cost; one twice beyond the ends."""
        corners = hull(self.alone, self.scores.mean(axis=1))
        costs = self.alone[corners]
        after = int(np.searchsorted(costs, cost * (1 + 1e-12), side="right"))
        if after == 0:
            return corners[0], corners[0]
        if after == len(corners):
            return corners[-1], corners[-1]
        return corners[after - 1], corners[after]

    def _estimate(self, values: Float) -> Estimate:
        return (float(values.mean()), *interval(values, self.artists))


def reached(promised: Float, worth: float) -> Index:
    """Return the last tier of each song, `(songs,)`, of promises `(tiers − 1, songs)`."""
    return np.asarray(np.cumprod(promised >= worth, axis=0).sum(axis=0))


def hull(costs: Float, scores: Float) -> list[int]:
    """Return the points, by rising cost, whose mixtures are better than all others' at their cost."""
    kept: list[int] = []
    for point in np.lexsort((-scores, costs)):
        if kept and scores[point] <= scores[kept[-1]]:
            continue
        while len(kept) > 1 and _below(kept[-2], kept[-1], int(point), costs, scores):
            kept.pop()
        kept.append(int(point))
    return kept


def _below(a: int, b: int, c: int, costs: Float, scores: Float) -> bool:
    """Tell whether b lies on or below the line from a to c."""
    left = (scores[b] - scores[a]) * (costs[c] - costs[a])
    return bool(left <= (scores[c] - scores[a]) * (costs[b] - costs[a]))
