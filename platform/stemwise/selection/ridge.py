"""Least squares drawn towards known weights: many signals, and few songs to learn their weights from.

Of w₀, the weights that need no proof, a deviation is paid for by the energy that it moves:

    Σ_t a_t ‖x_t − Σ wᵢzᵢₜ‖² + λ Σᵢ (wᵢ − w₀ᵢ)² Σ_t a_t ‖zᵢₜ‖²,

with a_t = 1/‖error of track t‖² at the last weights, which maximises the mean SNR in dB (`weights.py`).
λ has no unit: signals of any level are drawn alike. With λ = ∞ the weights are w₀.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stemwise.selection.stem_forms import StemForms

Float = npt.NDArray[np.float64]
PENALTIES = (np.inf, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_ITERATIONS, _CONVERGED = 20, 1e-6
_LEAST = 1e-9  # of the mean diagonal: a silent signal keeps its weight


def ridge_path(forms: StemForms, centre: Float, penalties: Sequence[float] = PENALTIES) -> Float:
    """Return the weights under each penalty, `(penalties, signals)`.

    Args:
        forms: tracks to learn from, over the signals.
        centre: the weights w₀, `(signals,)`.
        penalties: λ, the largest first: each starts from the weights of the one before.
    """
    squares = forms.gram.reshape(len(forms), -1)
    found = np.zeros((len(penalties), len(centre)))
    weights = np.asarray(centre, np.float64)
    for number, penalty in enumerate(penalties):
        if np.isfinite(penalty):
            weights = _solved(forms, squares, centre, penalty, weights)
        found[number] = weights
    return found


def _solved(
    forms: StemForms, squares: Float, centre: Float, penalty: float, weights: Float
) -> Float:
    size = len(centre)
    for _ in range(_ITERATIONS):
        errors = forms.energy - 2 * forms.cross @ weights
        errors += squares @ np.outer(weights, weights).ravel()
        share = 1 / np.maximum(errors, 1e-12 * forms.energy)
        gram = (share @ squares).reshape(size, size)
        diagonal = np.diagonal(gram)
        pull = penalty * diagonal + _LEAST * diagonal.mean()
        new = np.linalg.solve(gram + np.diag(pull), share @ forms.cross + pull * centre)
        change = np.abs(new - weights).max()
        weights = new
        if change <= _CONVERGED:
            break
    return weights
