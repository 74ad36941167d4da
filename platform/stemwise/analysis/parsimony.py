"""Cross-fitting of many sets of models at once, and what is good enough among them.

The choice of a set is part of what is fitted: a recipe is held out only from tracks that had no say in
its weights *and* none in its models. Every set is fitted without each fold, which ranks the sets, and
without each pair of folds, which ranks them as seen from the tracks outside one fold; the set that those
prefer is scored on that fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from stemwise.analysis.clusters import clusters_of
from stemwise.analysis.cross_fit import CrossFit, Index
from stemwise.selection.sets import Models
from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import Score, Strategy, finite_mean

Float = npt.NDArray[np.float64]
# (held-out scores of sets `(sets, tracks)`, their tracks) → position of the set that is taken
Choose = Callable[[Float, Index], int]


class SetFits:
    """Every set's weights and scores, each track held out.

    Args:
        forms: all tracks.
        parts: positions of the tracks of each fold, two or more folds.
        sets: models of each set.
        strategy: how weights are fitted.
        score: (forms, weights) → scores per track.

    Attributes:
        weights: fitted without each fold, `(folds, sets, models)`; of models outside a set 0.
        scores: in dB under them, `(sets, tracks)`.
    """

    def __init__(
        self,
        forms: StemForms,
        parts: Sequence[Index],
        sets: Sequence[Models],
        strategy: Strategy,
        score: Score,
    ) -> None:
        self._forms, self._parts, self._sets = forms, parts, sets
        self._strategy, self._score = strategy, score
        self._held = [forms.at(part) for part in parts]
        self.weights = np.array([self._without(part) for part in parts])
        self.scores = np.zeros((len(sets), len(forms)))
        for held, part, weights in zip(self._held, parts, self.weights, strict=True):
            self.scores[:, part] = score(held, weights)

    def of(self, number: int) -> CrossFit:
        """Return one set's scores and weights."""
        return CrossFit(self.scores[number], self.weights[:, number])

    def nested(self, choose: Choose) -> CrossFit:
        """Return what choosing a set is worth: each fold under the set that the others choose."""
        scores = np.zeros(len(self._forms))
        weights = []
        for number, held in enumerate(self._parts):
            outside = np.setdiff1d(np.arange(len(self._forms)), held)
            taken = choose(self.seen_from(number, outside), outside)
            scores[held] = self.scores[taken, held]
            weights.append(self.weights[number, taken])
        return CrossFit(scores, np.array(weights))

    def seen_from(self, number: int, outside: Index) -> Float:
        """Return scores `(sets, outside)`, each track held out, that know nothing of fold `number`."""
        if len(self._parts) == 2:  # nothing is left to hold out: how well the others are fitted
            return self._score(self._forms.at(outside), self.weights[number])
        scores = np.zeros((len(self._sets), len(self._forms)))
        for other, held in enumerate(self._parts):
            if other != number:
                weights = self._pairs[min(number, other), max(number, other)]
                scores[:, held] = self._score(self._held[other], weights)
        return scores[:, outside]

    @cached_property
    def _pairs(self) -> dict[tuple[int, int], Float]:
        """Weights fitted without two folds, which serve both of them, `(sets, models)`."""
        return {
            (one, other): self._without(self._parts[one], self._parts[other])
            for one, other in combinations(range(len(self._parts)), 2)
        }

    def _without(self, *held: Index) -> Float:
        """Return each set's weights fitted to the tracks outside these folds, `(sets, models)`."""
        left = np.setdiff1d(np.arange(len(self._forms)), np.concatenate(held))
        learned = self._forms.at(left)
        return np.array([self._weights(learned, models) for models in self._sets])

    def _weights(self, learned: StemForms, models: Models) -> Float:
        """Return a set's weights, `(models,)`: a model alone is taken as it is."""
        own = self._strategy(learned.only(models), self._score) if len(models) > 1 else np.ones(1)
        return spread(own, models, learned.models)


def spread(weights: Float, models: Sequence[str], every: Sequence[str]) -> Float:
    """Return weights of some models as weights of `every`, `(len(every),)`."""
    found = np.zeros(len(every))
    found[[every.index(model) for model in models]] = weights
    return found


def good_enough(
    scores: Float, artists: Sequence[str], worth_db: float
) -> tuple[int, npt.NDArray[np.bool_]]:
    """Return the best set, and which are as good but for what is uncertain or not worth a model.

    A set is good enough if its mean is less than one standard error of the difference, or less than
    `worth_db`, below the best set's. The difference is paired: songs differ by far more than sets do.

    Args:
        scores: held out, in dB, `(sets, tracks)`.
        artists: of the tracks.
        worth_db: what a better set must gain at the least.
    """
    means = finite_mean(scores)
    best = int(np.argmax(means))
    enough = np.zeros(len(scores), dtype=np.bool_)
    for number, row in enumerate(scores):
        both = np.isfinite(row) & np.isfinite(scores[best])
        difference = scores[best][both] - row[both]
        labels = [artist for artist, kept in zip(artists, both, strict=True) if kept]
        error = clusters_of(labels).error(difference) if len(difference) else None
        tolerance = max(worth_db, error or 0.0)
        enough[number] = means[best] - means[number] <= tolerance
    enough[best] = True
    return best, enough
