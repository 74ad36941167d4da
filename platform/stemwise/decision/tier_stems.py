"""One stem of a run under every tier's weights, each song held out, and what the tiers show of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stemwise.analysis.parsimony import SetFits, spread
from stemwise.analysis.tier_gain import fit_gain, predicted
from stemwise.core.stems import MIXTURE
from stemwise.decision.recipes import rounded
from stemwise.selection.sets import Models
from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import Score, Strategy
from stemwise.separation.promise import features, names_for

Float = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Held:
    """What tiers promise of one stem on songs that were not looked at, `(songs,)` each.

    `mean` is the gain's mean over the songs that were; NaN stands for songs without the stem.
    """

    promised: Float
    mean: Float


@dataclass(frozen=True)
class TierStem:
    """One stem under every tier.

    Attributes:
        stem: its name.
        forms: of all tiers' models and the mixture, `MIXTURE` last.
        songs: number of each track's song.
        parts: positions of the tracks of each fold that has any.
        tiers: models of each tier that make the stem.
        strategy, score: how weights are fitted.
    """

    stem: str
    forms: StemForms
    songs: Index
    parts: Sequence[Index]
    tiers: Sequence[Models]
    strategy: Strategy
    score: Score

    @cached_property
    def _models(self) -> tuple[str, ...]:
        return tuple(model for model in self.forms.models if model != MIXTURE)

    @cached_property
    def _blended(self) -> StemForms:
        return self.forms.only(self._models)

    @cached_property
    def _fits(self) -> SetFits:
        return SetFits(self._blended, self.parts, self.tiers, self.strategy, self.score)

    @property
    def scores(self) -> Float:
        """Scores of each tier in dB, every track held out, `(tiers, tracks)`."""
        return self._fits.scores

    def weights(self, tier: int) -> dict[str, float]:
        """Return a tier's weights, fitted to all tracks, as recipes have them."""
        return rounded(dict(zip(self._models, map(float, self._fitted(tier)), strict=True)))

    def _fitted(self, tier: int) -> Float:
        models = self.tiers[tier]
        if len(models) == 1:
            return spread(np.ones(1), models, self._models)
        own = self.strategy(self.forms.only(models), self.score)
        return spread(own, models, self._models)

    def held(self, before: int, after: int) -> Held:
        """Return what one tier promises over another, by its estimates, for tracks of other folds."""
        promised, mean = np.zeros(len(self.forms)), np.zeros(len(self.forms))
        for number, part in enumerate(self.parts):
            outside = np.setdiff1d(np.arange(len(self.forms)), part)
            inner = self._fits.seen_from(number, outside)
            gains = inner[after] - inner[before]
            found = self._features(self._fits.weights[number, before])
            promised[part] = predicted(fit_gain(found[outside], gains), found[part])
            mean[part] = gains.mean()
        return Held(promised, mean)

    def promise(self, before: int, after: int, established: bool) -> dict[str, float]:
        """Return what the recipe says of a stem's gain; the mean alone where nothing is established."""
        gains = self.scores[after] - self.scores[before]
        if not established:
            return {"intercept": round(float(gains.mean()), 6)}
        weights = self._fitted(before)
        names = names_for(_count(weights))
        own = fit_gain(self._features(weights), gains)
        return dict(zip(("intercept", *names), (round(float(v), 6) for v in own), strict=True))

    def _features(self, weights: Float) -> Float:
        """Return the features of a tier's estimate on every track, `(tracks, features)`."""
        used = np.flatnonzero(_used(weights))
        rows = np.zeros((2 + len(used), len(self.forms.models)))
        rows[0, -1] = 1.0  # the mixture
        rows[1, : len(weights)] = weights
        rows[2 + np.arange(len(used)), used] = 1.0
        return features(rows @ self.forms.gram @ rows.T)


def _used(weights: Float) -> npt.NDArray[np.bool_]:
    return np.abs(weights) >= 5e-7  # what `rounded` keeps


def _count(weights: Float) -> int:
    return int(_used(weights).sum())


def over_stems(values: Sequence[Float], stems: Sequence[TierStem], songs: int) -> Float:
    """Return means over the stems that each song has, of one `(…, tracks)` per stem, `(…, songs)`."""
    shape = (*values[0].shape[:-1], songs)
    total, count = np.zeros(shape), np.zeros(songs)
    for own, stem in zip(values, stems, strict=True):
        total[..., stem.songs] += own
        count[stem.songs] += 1
    return np.asarray(total / count)


def models_of(weights: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """Return the models that some stems' weights run, each once."""
    return tuple(dict.fromkeys(model for own in weights for model in own))
