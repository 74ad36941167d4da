"""Weights of a blend, fitted to tracks: from the best single model to least squares.

Every strategy maps the forms of one stem (tracks to learn from) to weights `(models,)`. All of them
use these tracks' references only, so their worth is what they reach on others
(`analysis/cross_fit.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt
from scipy import optimize

from stemwise.core import config_dirs, plugins
from stemwise.core.checks import one_of
from stemwise.core.errors import ConfigError
from stemwise.selection.stem_forms import StemForms

Float = npt.NDArray[np.float64]
# (weights → mean score per track) is what strategies that search use
Score = Callable[[StemForms, Float], Float]
Strategy = Callable[[StemForms, Score], Float]

# of the YAMLs that name strategies
GROUP = "decision"

_ITERATIONS, _CONVERGED = 30, 1e-8
_RIDGE = 1e-9  # of the mean diagonal: equal models share their weight instead of failing


def best_single(forms: StemForms, score: Score) -> Float:
    """Give all weight to the model with the best mean score."""
    means = finite_mean(score(forms, np.eye(len(forms.models))))
    return _all_on(int(np.argmax(means)), forms)


def most_selected(forms: StemForms, score: Score) -> Float:
    """Give all weight to the model that wins most tracks: the paper's choice per stem.

    Ties go to the better mean, then to the model named first.
    """
    scores = score(forms, np.eye(len(forms.models)))
    wins = np.bincount(np.argmax(_ranked(scores), axis=0), minlength=len(forms.models))
    means = finite_mean(scores)
    order = sorted(range(len(wins)), key=lambda i: (-wins[i], -means[i], i))
    return _all_on(order[0], forms)


def mean(forms: StemForms, score: Score) -> Float:  # noqa: ARG001 - a strategy's signature
    """Give every model the same weight."""
    return np.full(len(forms.models), 1 / len(forms.models))


def least_squares(forms: StemForms, score: Score) -> Float:  # noqa: ARG001
    """Maximise the mean SNR in dB without constraints.

    Σ_t log‖x_t − Σ wᵢx̂ᵢ‖² is minimised by majorisation: each step solves the least squares problem
    in which track t counts 1/‖error at the last weights‖², which never makes the sum larger.
    """
    return _reweighted(forms, _solve)


def nonnegative(forms: StemForms, score: Score) -> Float:  # noqa: ARG001
    """Maximise the mean SNR in dB with weights from 0 up."""
    return _reweighted(forms, _solve_nonnegative)


def simplex(forms: StemForms, score: Score) -> Float:  # noqa: ARG001
    """Maximise the mean SNR in dB with weights from 0 up that sum to one."""
    return _reweighted(forms, _solve_simplex)


def grid(forms: StemForms, score: Score, steps: int = 10) -> Float:
    """Take the best mean score of all weights k/steps that sum to one."""
    every = simplex_grid(len(forms.models), steps)
    return np.asarray(every[int(np.argmax(finite_mean(score(forms, every))))])


def simplex_grid(models: int, steps: int) -> Float:
    """Return all weights k/steps that sum to one, `(points, models)`; corners first.

    Raises:
        ConfigError: more than a million points.
    """
    points = 1
    for factor in range(1, models):
        points = points * (steps + factor) // factor
    if points > 1_000_000:
        raise ConfigError(
            f"A grid of {steps} steps over {models} models has {points} points: use fewer of either."
        )
    chosen = np.array(list(combinations_with_replacement(range(models), steps)))
    every: Float = (chosen[:, :, None] == np.arange(models)).sum(axis=1) / steps
    corners = (every == 1).any(axis=1)
    return np.concatenate([np.eye(models), every[~corners]])


def get_strategy(name: str) -> Strategy:
    """Return the strategy called `name`: the function that conf/decision/NAME.yaml names.

    Raises:
        ConfigError: no such strategy, or its function takes other parameters.
    """
    one_of("decision.strategy", name, plugins.having_target(GROUP))
    strategy: Strategy = plugins.function(GROUP, name, ("forms", "score"))

    def fit(forms: StemForms, score: Score) -> Float:
        weights = np.asarray(strategy(forms, score), np.float64)
        if weights.shape != (len(forms.models),):
            raise ConfigError(
                f"{config_dirs.path(GROUP, name)}: the strategy must return one weight for each of "
                f"{len(forms.models)} models, and returned {weights.shape}."
            )
        return weights

    return fit


def finite_mean(scores: Float) -> Float:
    """Return the mean over tracks `(..., tracks)` → `(...)`, without tracks that are not finite.

    A blend that has no finite score at all has −inf, so that it is never chosen.
    """
    finite = np.isfinite(scores)
    count = finite.sum(axis=-1)
    total = np.where(finite, scores, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), -np.inf)


def _all_on(index: int, forms: StemForms) -> Float:
    weights = np.zeros(len(forms.models))
    weights[index] = 1.0
    return weights


def _ranked(scores: Float) -> Float:
    return np.where(np.isnan(scores), -np.inf, scores)


def _reweighted(forms: StemForms, solve: Callable[[Float, Float], Float]) -> Float:
    """Iterate least squares with tracks weighted by their last error (see `least_squares`)."""
    size = len(forms.models)
    squares = forms.gram.reshape(len(forms), -1)
    errors, weights = forms.energy, np.zeros(size)
    for _ in range(_ITERATIONS):
        share = 1 / np.maximum(errors, 1e-12 * forms.energy)
        gram = (share @ squares).reshape(size, size)
        gram.flat[:: size + 1] += _RIDGE * np.trace(gram) / size
        new = solve(gram, share @ forms.cross)
        if np.abs(new - weights).max() <= _CONVERGED:
            break
        weights = new
        errors = (
            forms.energy - 2 * forms.cross @ weights + squares @ np.outer(weights, weights).ravel()
        )
    return weights


def _solve(gram: Float, cross: Float) -> Float:
    return np.asarray(np.linalg.solve(gram, cross))


def _solve_nonnegative(gram: Float, cross: Float) -> Float:
    # ‖Lᵀw − L⁻¹c‖² = wᵀGw − 2wᵀc + const for G = LLᵀ
    factor = np.linalg.cholesky(gram)
    weights, _ = optimize.nnls(factor.T, np.linalg.solve(factor, cross))
    return np.asarray(weights)


def _solve_simplex(gram: Float, cross: Float) -> Float:
    """Minimise wᵀGw − 2wᵀc over weights from 0 up that sum to one.

    There Lᵀw − L⁻¹c = Mw with M = Lᵀ − L⁻¹c1ᵀ. For w = s·v with v summing to one, ‖Mw‖² + (1ᵀw − 1)² is
    s²‖Mv‖² + (s − 1)², whose best v does not depend on s: nonnegative least squares finds it.
    """
    scale = float(np.trace(gram)) / len(gram)
    factor = np.linalg.cholesky(gram / scale)
    columns = factor.T - np.linalg.solve(factor, cross / scale)[:, None]
    ones = np.ones((1, len(cross)))
    weights, _ = optimize.nnls(np.vstack([columns, ones]), np.append(np.zeros(len(cross)), 1.0))
    return np.asarray(weights / weights.sum())
