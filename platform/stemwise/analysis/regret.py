"""The regret ledger: how much of the ensemble's gain is real, and how much needs the truth.

Per stem, in the run's score and over the same tracks:

* `best_single`: the model that is best on the other folds' tracks;
* `recipe`: a blend fitted on the other folds' tracks, so that it could be served;
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
from stemwise.analysis.cross_fit import cross_fit, each, folds_of
from stemwise.analysis.selection_bias import shrunken
from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import Score, best_single, get_strategy

Row = dict[str, Any]
Float = npt.NDArray[np.float64]
_SILENT = 1e-6  # of a weight: what recipes are rounded to


@dataclass(frozen=True)
class Ledger:
    """The ledger of one stem.

    Attributes:
        rows: of the table `regret`.
        weights: the recipe's weights, fitted on all tracks: those of the strategy where its held-out
            gain is established, else the best single model's.
        established: whether the interval of the strategy's held-out gain lies above 0; None where
            nothing can be held out.
        gain: of an established blend over the best single model on held-out tracks, corrected for
            having been chosen for it (`selection_bias`); None of single models.
        held_out_snr: mean SNR on held-out tracks of what `weights` are, with its interval; without
            folds, on the tracks themselves and without an interval.
        oracle_gap: mean score that the track oracle has above it.
        of_track: weights that each track is held out from, `(tracks, models)`; without folds, those
            fitted on all.
    """

    rows: list[Row]
    weights: Mapping[str, float]
    established: bool | None
    held_out_snr: tuple[float, float | None, float | None]
    oracle_gap: float
    of_track: Float
    gain: float | None = None


def ledger(
    stem: tuple[str, str, str],
    forms: StemForms,
    artists: Sequence[str],
    segments: Float,
    strategy: str,
    score: Score,
    folds: int = 5,
    seed: int = 0,
) -> Ledger:
    """Return the ledger of a stem.

    Args:
        stem: (parent, parent source, stem).
        forms: the tracks on which all candidates were measured.
        artists: cluster label of each track.
        segments: score of the segment oracle, `(tracks,)`.
        strategy: how the recipe's weights are fitted.
        score: (forms, weights) → scores `(..., tracks)`.
        folds: how many parts are held out in turn.
        seed: of the folds.
    """
    singles, gain = score(forms, np.eye(len(forms.models))), None
    weights, established = best_single(forms, score), None
    parts = folds_of(artists, folds, seed)
    if parts is None:  # nothing can be held out: only the best single model can be stood by
        best = kept = score(forms, weights)
        levels = {"best_single": best}
        of_track = np.tile(weights, (len(forms), 1))
    else:
        single = cross_fit(forms, parts, best_single, score)
        blend = cross_fit(forms, parts, get_strategy(strategy), score)
        best, levels = single.scores, {"best_single": single.scores, "recipe": blend.scores}
        low, _ = interval(blend.scores - best, artists)
        established = False
        if low is not None and low > 0:
            fitted = get_strategy(strategy)(forms, score)
            # weights that all vanish are silence, which may score above a bad model and is no blend
            if np.abs(fitted).max() >= _SILENT:
                weights, established = fitted, True
                gain = shrunken(float((blend.scores - best).mean()), low)
        chosen = blend if established else single
        kept, of_track = chosen.scores, chosen.of_track(parts)
    oracle, snr = singles.max(axis=0), each(forms, of_track, StemForms.snr)
    levels |= {"track_oracle": oracle, "segment_oracle": np.maximum(segments, oracle)}
    rows = [_row(stem, name, values, best, artists) for name, values in levels.items()]
    for row in rows:
        row["gain_shrunken"] = gain if row["level"] == "recipe" else None
    rows.append(_chance(stem, singles, artists))
    return Ledger(
        rows,
        {m: float(w) for m, w in zip(forms.models, weights, strict=True) if w != 0},
        established,
        (float(snr.mean()), *interval(snr, artists)),
        float((oracle - kept).mean()),
        of_track,
        gain,
    )


def _row(
    stem: tuple[str, str, str],
    level: str,
    values: Float,
    best: Float,
    artists: Sequence[str],
) -> Row:
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


def _chance(stem: tuple[str, str, str], singles: Float, artists: Sequence[str]) -> Row:
    """Return the oracle's gain after every model is shifted to the same mean over tracks."""
    level = singles - singles.mean(axis=1, keepdims=True) + singles.mean()
    mean = np.full(singles.shape[1], singles.mean())
    return _row(stem, "equal_models", level.max(axis=0), mean, artists)
