"""Weights over the estimates of all stems: fitted, and held out by artist like all others.

A model's bass holds what its drums lack. Such weights are many, so they are drawn towards the plain
blend of the stem's own estimates (`selection/ridge.py`); by how much is decided by cross-validation
*within* the tracks that are learnt from, where staying with the plain blend is one of the choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemwise.analysis.clusters import clusters_of
from stemwise.analysis.cross_fit import CrossFit, Index, folds_of
from stemwise.selection.ridge import PENALTIES, ridge_path
from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import Score, Strategy, finite_mean

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CrossStemRule:
    """How weights over all stems are fitted.

    Args:
        own: the signals that are estimates of the stem itself: those of the plain blend.
        strategy: fits the plain blend's weights.
        score: (forms, weights) → scores `(..., tracks)`.
        folds, seed: of the cross-validation that chooses the penalty.
    """

    own: Sequence[str]
    strategy: Strategy
    score: Score
    folds: int = 5
    seed: int = 0

    def fit(self, forms: StemForms, artists: Sequence[str]) -> Float:
        """Return weights `(signals,)` learnt from these tracks, the plain blend's where in doubt.

        The largest penalty is taken whose held-out score is less than one standard error of the
        difference below the best one's.
        """
        parts = folds_of(artists, self.folds, self.seed)
        path = ridge_path(forms, self.centre(forms))
        if parts is None:
            return np.asarray(path[0])
        scores = np.zeros((len(PENALTIES), len(forms)))
        for held in parts:
            learned = forms.at(np.setdiff1d(np.arange(len(forms)), held))
            scores[:, held] = self.score(forms.at(held), ridge_path(learned, self.centre(learned)))
        return np.asarray(path[_simplest(scores, artists)])

    def centre(self, forms: StemForms) -> Float:
        """Return the plain blend's weights, `(signals,)`."""
        index = [forms.models.index(name) for name in self.own]
        weights = np.zeros(len(forms.models))
        weights[index] = self.strategy(forms.only(self.own), self.score) if len(index) > 1 else 1.0
        return weights

    def held_out(
        self, forms: StemForms, artists: Sequence[str], parts: Sequence[Index]
    ) -> CrossFit:
        """Return what `fit` is worth on tracks that it has not seen."""
        scores, weights = np.zeros(len(forms)), []
        for held in parts:
            learned = np.setdiff1d(np.arange(len(forms)), held)
            weights.append(self.fit(forms.at(learned), [artists[track] for track in learned]))
            scores[held] = self.score(forms.at(held), weights[-1])
        return CrossFit(scores, np.array(weights))


def _simplest(scores: Float, artists: Sequence[str]) -> int:
    """Return the position of the largest penalty that is as good as the best, up to its uncertainty."""
    means = finite_mean(scores)
    best = int(np.argmax(means))
    for number, row in enumerate(scores[:best]):
        both = np.isfinite(row) & np.isfinite(scores[best])
        labels = [artist for artist, kept in zip(artists, both, strict=True) if kept]
        error = clusters_of(labels).error(scores[best][both] - row[both]) if labels else None
        if error is None or means[best] - means[number] <= error:
            return number
    return best
