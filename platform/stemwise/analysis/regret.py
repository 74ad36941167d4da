"""The regret ledger: how much of the ensemble's gain is real, and how much needs the references.

Per stem, in the run's score and over the same tracks:

* `best_single`: the model that is best on the other folds' tracks;
* `recipe`: a blend whose models and weights are chosen on the other folds' tracks, so that it could be
  served;
* `track_oracle`: the best model of each track, chosen with its truth (the paper's ensemble);
* `segment_oracle`: the best model of each segment, likewise, or of the whole track where that is better;
* `equal_models`: what `track_oracle` would seem to gain if all models were equally good on average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise.analysis.clusters import interval
from stemwise.analysis.cross_fit import each
from stemwise.analysis.stem_fit import Stem, StemFit
from stemwise.selection.sets import Models
from stemwise.selection.stem_forms import StemForms

Row = dict[str, Any]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ledger:
    """The ledger of one stem.

    Attributes:
        rows: of the table `regret`.
        weights: the recipe's weights, fitted on all tracks.
        established: whether they are a blend whose gain is certain; None where nothing can be held out.
        held_out_score: mean score on held-out tracks of what `weights` are, with its interval; without
            folds, on the tracks themselves and without an interval.
        held_out_snr: mean SNR, likewise.
        snr: SNR in dB of each track, held out, `(tracks,)`.
        oracle_gap: mean score that the track oracle has above it.
        of_track: weights that each track is held out from, `(tracks, models)`; of a single model and
            without folds, those fitted on all.
        gain: of a blend over the best single model on held-out tracks, corrected for having been chosen
            for it (`selection_bias`); None of single models.
    """

    rows: list[Row]
    weights: Mapping[str, float]
    established: bool | None
    held_out_score: tuple[float, float | None, float | None]
    held_out_snr: tuple[float, float | None, float | None]
    snr: Float
    oracle_gap: float
    of_track: Float
    gain: float | None = None


def ledger(fit: StemFit, models: Models, segments: Float) -> Ledger:
    """Return the ledger of a stem of which a set of models is deployed.

    Args:
        fit: what was fitted to the stem.
        models: the set, one of those that `fit` offers.
        segments: score of the segment oracle, `(tracks,)`.
    """
    forms, artists = fit.forms, fit.artists
    single, oracle = fit.single.scores, fit.singles.max(axis=0)
    kept, of_track = fit.held_out(models)
    gain = fit.gain_of(models) if len(models) > 1 else None
    levels = {"best_single": single}
    if fit.recipe is not None:
        levels["recipe"] = fit.recipe.scores
    levels |= {"track_oracle": oracle, "segment_oracle": np.maximum(segments, oracle)}
    rows = [level_row(fit.stem, name, values, single, artists) for name, values in levels.items()]
    for row in rows:
        row["gain_shrunken"] = gain if row["level"] == "recipe" else None
    rows.append(_chance(fit.stem, fit.singles, artists))
    snr = each(forms, of_track, StemForms.snr)
    weights = fit.weights_of(models)
    return Ledger(
        rows,
        {m: float(w) for m, w in zip(forms.models, weights, strict=True) if w != 0},
        None if fit.recipe is None else len(models) > 1,
        (float(kept.mean()), *interval(kept, artists)),
        (float(snr.mean()), *interval(snr, artists)),
        snr,
        float((oracle - kept).mean()),
        of_track,
        gain,
    )


def level_row(
    stem: Stem,
    level: str,
    values: Float,
    best: Float,
    artists: Sequence[str],
) -> Row:
    """Return the row of one level: its scores and its gain over the `best` single model's."""
    low, high = interval(values, artists)
    own = level == "best_single"  # its gain over itself is 0, without any doubt
    gain_low, gain_high = (None, None) if own else interval(values - best, artists)
    return {
        "parent": stem[0],
        "parent_source": stem[1],
        "stem": stem[2],
        "level": level,
        "tracks": len(values),
        "artists": len(set(artists)),
        "mean_score": float(values.mean()),
        "low": low,
        "high": high,
        "gain": float((values - best).mean()),
        "gain_low": gain_low,
        "gain_high": gain_high,
    }


def _chance(stem: Stem, singles: Float, artists: Sequence[str]) -> Row:
    """Return the oracle's gain after every model is shifted to the same mean over tracks."""
    level = singles - singles.mean(axis=1, keepdims=True) + singles.mean()
    mean = np.full(singles.shape[1], singles.mean())
    return level_row(stem, "equal_models", level.max(axis=0), mean, artists)
