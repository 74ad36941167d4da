"""Everything that is fitted to one stem: singles, blends, and which of them could be deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stemwise.analysis.clusters import interval
from stemwise.analysis.cross_fit import CrossFit, Index, cross_fit, folds_of
from stemwise.analysis.parsimony import SetFits, good_enough, spread
from stemwise.analysis.selection_bias import shrunken
from stemwise.selection.sets import Models, Offer, candidate_sets, cheapest_alone
from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import Score, best_single, finite_mean, get_strategy

Float = npt.NDArray[np.float64]
Stem = tuple[str, str, str]
PARSIMONIES = ("one_se", "none")
_SHOWN = 0.005  # dB: a gain that two digits show as 0.00 is none
_SILENT = 1e-6  # of a weight: what recipes are rounded to


@dataclass(frozen=True)
class FitRule:
    """How a stem is fitted.

    Args:
        strategy: how weights are fitted (`selection/weights.py`).
        score: (forms, weights) → scores `(..., tracks)`.
        cost: each model's seconds of compute per minute of audio, None where that is not known.
        parsimony: `one_se` takes the cheapest set of models that is good enough, `none` all models.
        worth_db: what a dearer set must gain at the least.
        folds: how many parts are held out in turn.
        seed: of the folds.
    """

    strategy: str
    score: Score
    cost: Mapping[str, float | None] = field(default_factory=dict)
    parsimony: str = "one_se"
    worth_db: float = 0.1
    folds: int = 5
    seed: int = 0


class StemFit:
    """One stem fitted, on tracks that all candidates were measured on.

    Args:
        stem: (parent, parent source, stem).
        forms: the tracks.
        artists: cluster label of each track.
        rule: how it is fitted.

    Attributes:
        parts: positions of the tracks of each fold; None where nothing can be held out.
        sets: models of each set that was tried, singles first.
        singles: scores of single models, `(models, tracks)`.
    """

    def __init__(self, stem: Stem, forms: StemForms, artists: Sequence[str], rule: FitRule) -> None:
        self.stem, self.forms, self.artists, self.rule = stem, forms, artists, rule
        self.parts: list[Index] | None = folds_of(artists, rule.folds, rule.seed)
        self.singles = np.asarray(rule.score(forms, np.eye(len(forms.models))))
        self.sets = self._sets()
        self._strategy = get_strategy(rule.strategy)

    def _sets(self) -> tuple[Models, ...]:
        models = self.forms.models
        alone = tuple((model,) for model in models)
        if self.parts is None or len(models) == 1:
            return alone
        return candidate_sets(models) if self.rule.parsimony == "one_se" else (*alone, models)

    @cached_property
    def _fits(self) -> SetFits:
        assert self.parts is not None
        return SetFits(self.forms, self.parts, self.sets, self._strategy, self.rule.score)

    @cached_property
    def single(self) -> CrossFit:
        """The model that is best on the other folds; without folds, the best one on all tracks."""
        if self.parts is not None:
            return cross_fit(self.forms, self.parts, best_single, self.rule.score)
        weights = best_single(self.forms, self.rule.score)
        return CrossFit(self.rule.score(self.forms, weights), weights[None])

    @cached_property
    def recipe(self) -> CrossFit | None:
        """What the whole procedure is worth, choice of models and weights; None without folds."""
        if self.parts is None:
            return None
        if self.rule.parsimony == "none" or len(self.sets) == 1:
            return self._fits.of(len(self.sets) - 1)
        return self._fits.nested(self._choose)

    @property
    def preferred(self) -> Models:
        """The models that the procedure takes on all tracks, whether their gain is certain or not."""
        if self.parts is None or self.rule.parsimony == "none" or len(self.sets) == 1:
            return self.sets[-1]
        return self.sets[self._choose(self._scores, np.arange(len(self.forms)))]

    def _choose(self, scores: Float, tracks: Index) -> int:
        artists = [self.artists[track] for track in tracks]
        _, enough = good_enough(scores, artists, self.rule.worth_db)
        return cheapest_alone(self.sets, finite_mean(scores), enough, self.rule.cost)

    @cached_property
    def blends_pay(self) -> bool:
        """Whether the procedure gains over the best single model with certainty, on held-out tracks."""
        if self.recipe is None:
            return False
        return certain(self.recipe.scores - self.single.scores, self.artists) is not None

    @cached_property
    def pool(self) -> list[int]:
        """Positions of the sets that may be deployed: singles, and blends whose gain is certain."""
        blends = range(len(self.forms.models), len(self.sets)) if self.blends_pay else ()
        return [
            *range(len(self.forms.models)),
            *(n for n in blends if self.gain_of(self.sets[n]) is not None and self._sounds(n)),
        ]

    @cached_property
    def best(self) -> int:
        """Position of the set that is best on held-out tracks."""
        return self.pool[int(np.argmax(finite_mean(self._scores[self.pool])))]

    @property
    def _scores(self) -> Float:
        return self.singles if self.parts is None else self._fits.scores

    def offer(self) -> Offer:
        """Return the sets that are good enough; without parsimony, the one that is taken."""
        if self.rule.parsimony == "none":
            number = self.pool[-1] if len(self.pool) > len(self.forms.models) else self.best
            return Offer((self.sets[number],), (float(finite_mean(self._scores[number])),))
        scores = self._scores[self.pool]
        _, enough = good_enough(scores, self.artists, self.rule.worth_db)
        means = finite_mean(scores)
        kept = [place for place in range(len(self.pool)) if enough[place]]
        return Offer(
            tuple(self.sets[self.pool[place]] for place in kept),
            tuple(float(means[place]) for place in kept),
        )

    def held_out(self, models: Models) -> tuple[Float, Float]:
        """Return the scores `(tracks,)` of a set of models, and the weights of each track.

        Those are fitted without the track's fold, `(tracks, models)`. A single model's are 1.
        """
        number = self.sets.index(models)
        if len(models) == 1 or self.parts is None:
            return self.singles[number], np.tile(self._one(number), (len(self.forms), 1))
        fit = self._fits.of(number)
        return fit.scores, fit.of_track(self.parts)

    def gain_of(self, models: Models) -> float | None:
        """Return what a set gains over the best single model, shrunken; None where not certain."""
        scores, _ = self.held_out(models)
        return certain(scores - self.single.scores, self.artists)

    def weights_of(self, models: Models) -> Float:
        """Return the weights of a set, fitted on all tracks, `(models,)`."""
        number = self.sets.index(models)
        if len(models) == 1:
            return self._one(number)
        fitted = self._strategy(self.forms.only(models), self.rule.score)
        return spread(fitted, models, self.forms.models)

    def _one(self, number: int) -> Float:
        return np.asarray(np.eye(len(self.forms.models))[number])

    def _sounds(self, number: int) -> bool:
        """Tell whether a blend is more than silence, which may score above a bad model."""
        return bool(np.abs(self.weights_of(self.sets[number])).max() >= _SILENT)


def certain(gains: Float, artists: Sequence[str]) -> float | None:
    """Return the mean gain, shrunken, where its 95 % interval lies above 0 and it shows; else None."""
    low, _ = interval(gains, artists)
    if low is None or low <= 0:
        return None
    gain = shrunken(float(gains.mean()), low)
    return gain if gain >= _SHOWN else None
