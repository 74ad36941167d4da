"""What to deploy for each stem, and what more would cost: rows of the table `deployment`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise.analysis.matched import STEM_KEY
from stemwise.analysis.regret import Ledger
from stemwise.analysis.stem_fit import StemFit
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
    """
    score, low, high = made.held_out_score
    snr = made.held_out_snr[0]
    below = _below(score, made.snr, input_snr)
    own = cost_of(tuple(made.weights), cost)
    return dict(zip(STEM_KEY, fit.stem, strict=True)) | {
        "kind": NOTHING if below else BLEND if len(made.weights) > 1 else MODEL,
        "models": list(made.weights),
        "weights": list(made.weights.values()),
        "mean_score": score,
        "low": low,
        "high": high,
        "snr": snr,
        "seconds_per_minute": own,
        "gain": made.gain,
        "below": below,
        **_more(fit, models, score, own, cost),
        "tracks": len(fit.forms),
        "artists": len(set(fit.artists)),
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
