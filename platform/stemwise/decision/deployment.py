"""What to deploy for each stem, and what more would cost: rows of the table `deployment`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise.analysis.matched import STEM_KEY
from stemwise.analysis.regret import Ledger
from stemwise.analysis.stem_fit import StemFit
from stemwise.decision.cross_stem import KIND, Crossed
from stemwise.selection.sets import Models, cost_of

Row = dict[str, Any]
Float = npt.NDArray[np.float64]
BLEND, MODEL, NOTHING = "blend", "model", "nothing"
_TENTH = 0.1  # dB


def deployment_row(
    fit: StemFit,
    models: Models,
    made: Ledger,
    input_snr: Float,
    cost: Mapping[str, float | None],
    cross: Crossed | None = None,
) -> Row:
    """Return what is deployed of a stem: a blend, a model, or nothing that could be used.

    Nothing is usable that scores no better than silence, whose SNR is 0 dB, or whose SNR is no better
    than that of the unprocessed input. (Of SI-SAR the input has an infinite one.)

    Args:
        fit: what was fitted.
        models: the set that was chosen.
        made: its ledger.
        input_snr: SNR in dB of the unprocessed input on each track, `(tracks,)`, NaN where not known.
        cost: seconds of compute per minute of audio by model.
        cross: the weights over all stems that `made` tells of, if it does.
    """
    score, low, high = made.held_out_score
    snr = made.held_out_snr[0]
    below = _below(score, made.snr, input_snr)
    used = tuple(made.weights) if cross is None else cross.models
    own = cost_of(used, cost)
    blend = len(made.weights) > 1 or cross is not None
    return dict(zip(STEM_KEY, fit.stem, strict=True)) | {
        "kind": NOTHING if below else BLEND if blend else MODEL,
        "models": list(used),
        # of signals, not of models: the recipe has them
        "weights": list(made.weights.values()) if cross is None else [],
        "ensemble": None if cross is None else KIND,
        "mean_score": score,
        "low": low,
        "high": high,
        "snr": snr,
        "seconds_per_minute": own,
        "gain": made.gain,
        "below": below,
        **_more(fit, models, score, own, cost),
        "tracks": len(made.snr),
        "artists": len(set(fit.artists if cross is None else cross.found.artists)),
    }


def _below(score: float, snr: Float, input_snr: Float) -> str | None:
    """Return what an estimate does not beat: `silence`, the `input`, or None."""
    if min(score, snr.mean()) <= 0:
        return "silence"
    # where the input is the stem, as lead vocals are of a song without backing vocals, all is lost
    both = np.isfinite(input_snr)
    return "input" if both.any() and (snr[both] - input_snr[both]).mean() <= 0 else None


def _more(
    fit: StemFit, models: Models, score: float, own: float | None, cost: Mapping[str, float | None]
) -> Row:
    """Return the best set that was found, and what the last 0.1 dB up to it costs."""
    best = fit.sets[fit.best]
    held, _ = fit.held_out(best)
    best_score, best_cost = float(held.mean()), cost_of(best, cost)
    tenth = None
    if best != models and best_score > score and own is not None and best_cost is not None:
        tenth = (best_cost - own) / (best_score - score) * _TENTH
    return {
        "best_models": list(best),
        "best_score": best_score,
        "best_seconds_per_minute": best_cost,
        "tenth_s": tenth,
    }
