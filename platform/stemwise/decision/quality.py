"""Predicting a recipe's SNR without references: rows of the tables `quality` and `predictions`.

Features and SNR of a track are those of weights that were fitted without its artist, so that what a
recipe is said to predict was fitted to nothing that it is judged on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.quality_fit import Candidate, QualityFit, fit_quality
from stemwise.analysis.regret import Ledger
from stemwise.core.stems import MIXTURE
from stemwise.decision.gathering import Gathered
from stemwise.measurement.energy_ratios import decibels, snr_energies
from stemwise.selection.form_table import stack
from stemwise.selection.keys import STEM, TRACK, is_stem
from stemwise.selection.stem_forms import StemForms
from stemwise.separation.quality import features, names

Float = npt.NDArray[np.float64]
Row = dict[str, Any]


class StemQuality:
    """What the SNR of one stem's recipe was predicted from, and how well.

    Args:
        found: the stem.
        made: its ledger.
        forms: rows of `forms`.
        seed: of the folds.
    """

    def __init__(self, found: Gathered, made: Ledger, forms: pl.DataFrame, seed: int) -> None:
        self.stem = dict(zip(STEM, found.stem, strict=True))
        rows = forms.filter(is_stem(found.stem))
        models = _models(found, made)
        own, weights = _with_input(stack(found.forms.stem, [MIXTURE, *models], rows), found, made)
        self._tracks = own.tracks
        self._names = names(len(made.weights))
        artists = dict(zip(found.forms.tracks, found.artists, strict=True))
        every, snr = _measured(own, weights)
        columns = {name: every[name] for name in self._names}
        labels = [artists[track] for track in own.tracks]
        self.fit: QualityFit = fit_quality(columns, snr, labels, seed)

    def row(self) -> Row:
        """Return the row of `quality`."""
        fit = self.fit
        shown = fit.chosen or fit.every
        row: Row = self.stem | {
            "features": list(self._names if shown is None else shown.names),
            "tracks": len(fit.used),
            "artists": fit.artists,
            "snr_spread": float(np.std(fit.snr)) if len(fit.used) else None,
            "shipped": fit.quality is not None,
            "why": fit.why,
        }
        return row if shown is None or fit.level is None else row | _numbers(shown, fit.level)

    def predictions(self) -> list[Row]:
        """Return the rows of `predictions`: each track's, by a regression without its artist."""
        shown = self.fit.chosen or self.fit.every
        if shown is None:
            return []
        return [
            dict(zip(TRACK, self._tracks[track], strict=True))
            | self.stem
            | {
                "snr": float(snr),
                "predicted": float(value),
                "low": float(value - shown.half_width),
                "high": float(value + shown.half_width),
            }
            for track, snr, value in zip(self.fit.used, self.fit.snr, shown.predicted, strict=True)
        ]


def _numbers(shown: Candidate, level: Candidate) -> Row:
    ranks = shown.ranks
    return {
        "rank_correlation": None if ranks is None else ranks.value,
        "low": None if ranks is None else ranks.low,
        "high": None if ranks is None else ranks.high,
        "rank_correlation_of_level": None if level.ranks is None else level.ranks.value,
        "error": shown.sigma,
        "error_of_level": level.sigma,
        "half_width": shown.half_width,
        "coverage": shown.coverage,
    }


def _models(found: Gathered, made: Ledger) -> list[str]:
    """Return the models with a weight in the recipe or on a held-out track, which may need others."""
    used = (made.of_track != 0).any(axis=0).tolist()
    return [
        model
        for model, held in zip(found.forms.models, used, strict=True)
        if held or model in made.weights
    ]


def _with_input(forms: StemForms, found: Gathered, made: Ledger) -> tuple[StemForms, Float]:
    """Return the gathered tracks whose forms have the input too, and the models' weights on each."""
    at = {track: place for place, track in enumerate(found.forms.tracks)}
    kept = [place for place, track in enumerate(forms.tracks) if track in at]
    own = forms.at(np.array(kept, dtype=np.int64))
    order = [found.forms.models.index(model) for model in own.models[1:]]
    rows = [at[track] for track in own.tracks]
    return own, made.of_track[rows][:, order]


def _measured(forms: StemForms, weights: Float) -> tuple[Mapping[str, Float], Float]:
    """Return the features of each track by name, and its SNR in dB, `(tracks,)` each.

    Args:
        forms: of the input and the models, in this order.
        weights: of the models on each track, `(tracks, models)`.
    """
    count, models = weights.shape
    # rows: the input, the blend, and each model
    rows = np.zeros((count, 2 + models, 1 + models))
    rows[:, 0, 0] = 1
    rows[:, 1, 1:] = weights
    rows[:, 2:, 1:] = np.eye(models)
    gram = rows @ forms.gram @ rows.transpose(0, 2, 1)
    cross = (weights * forms.cross[:, 1:]).sum(axis=1)
    return features(gram, weights), decibels(*snr_energies(forms.energy, cross, gram[:, 1, 1]))
