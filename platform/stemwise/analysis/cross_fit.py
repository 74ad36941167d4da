"""What a fitted choice is worth on tracks that it has not seen: cross-fitting, grouped by artist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import Score, Strategy

Float = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


def folds_of(artists: Sequence[str], folds: int = 5, seed: int = 0) -> list[Index] | None:
    """Split tracks into at most `folds` parts of about equal size; no artist is in two parts.

    Returns None with fewer than two artists: nothing can be held out then.
    """
    names = sorted(set(artists))
    count = min(folds, len(names))
    if count < 2:
        return None
    random = np.random.default_rng(seed)
    sizes = Counter(artists)
    shuffled = [names[i] for i in random.permutation(len(names))]
    parts: list[list[str]] = [[] for _ in range(count)]
    filled = [0] * count
    for name in sorted(shuffled, key=lambda n: -sizes[n]):  # the largest first: even parts
        smallest = filled.index(min(filled))
        parts[smallest].append(name)
        filled[smallest] += sizes[name]
    return [np.array([i for i, a in enumerate(artists) if a in part]) for part in map(set, parts)]


@dataclass(frozen=True)
class CrossFit:
    """Scores of every track under weights that were fitted without it (or its artist).

    Attributes:
        scores: in dB, `(tracks,)`.
        weights: of each fold, `(folds, models)`.
    """

    scores: Float
    weights: Float

    def of_track(self, parts: Sequence[Index]) -> Float:
        """Return the weights that each track is scored with, `(tracks, models)`."""
        weights = np.zeros((len(self.scores), self.weights.shape[1]))
        for held, own in zip(parts, self.weights, strict=True):
            weights[held] = own
        return weights


def cross_fit(
    forms: StemForms, parts: Sequence[Index], strategy: Strategy, score: Score
) -> CrossFit:
    """Fit on all parts but one and score that one, for every part.

    Args:
        forms: the stem's tracks.
        parts: positions of the tracks of each fold.
        strategy: how weights are fitted.
        score: (forms, weights) → scores per track.
    """
    scores = np.zeros(len(forms))
    weights = []
    for held in parts:
        learned = np.setdiff1d(np.arange(len(forms)), held)
        fitted = strategy(forms.at(learned), score)
        weights.append(fitted)
        scores[held] = score(forms.at(held), fitted)
    return CrossFit(scores, np.array(weights))


def each(forms: StemForms, weights: Float, score: Score) -> Float:
    """Return the score of each track under weights of its own, `(tracks, models)` → `(tracks,)`."""
    different, group = np.unique(weights, axis=0, return_inverse=True)
    scores = np.zeros(len(forms))
    for number, own in enumerate(different):
        tracks = group.reshape(-1) == number
        scores[tracks] = score(forms.at(tracks), own)
    return scores
