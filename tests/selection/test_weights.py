"""Fitted weights find what was planted, and never fall behind what they contain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError
from stemwise.core.plugins import having_target
from stemwise.selection.weights import (
    best_single,
    finite_mean,
    get_strategy,
    grid,
    least_squares,
    most_selected,
    nonnegative,
    simplex,
    simplex_grid,
)

from .planted import forms_of, noisy_models


def score(forms, weights):
    return forms.score(weights, ("snr", "bss_sdr"), "linear")


def snr(forms, weights):
    return forms.snr(weights)


def test_independent_errors_are_weighted_by_their_inverse_energies():
    """Orthogonal errors of energy a and b: the best weights that sum to one are b/(a+b), a/(a+b)."""
    tracks = 5
    x = np.tile(np.eye(3)[0], (tracks, 1))
    estimates = np.stack([x + 0.5 * np.eye(3)[1], x + 0.25 * np.eye(3)[2]], axis=1)
    forms = forms_of(x, estimates)
    a, b = 0.25, 0.0625
    expected = [b / (a + b), a / (a + b)]
    np.testing.assert_allclose(simplex(forms, snr), expected, atol=1e-5)
    # without the constraint the blend also shrinks: (I + diag(1/a, 1/b)…): solve the 2×2 system
    free = np.linalg.solve([[1 + a, 1], [1, 1 + b]], [1, 1])
    np.testing.assert_allclose(least_squares(forms, snr), free, atol=1e-6)
    np.testing.assert_allclose(nonnegative(forms, snr), free, atol=1e-6)


def test_a_planted_blend_is_recovered_exactly():
    """x = 0.7 a − 0.2 b + 0.5 c: only the free fit may use the negative weight."""
    parts = np.random.default_rng(0).normal(size=(20, 3, 50))
    planted = np.array([0.7, -0.2, 0.5])
    forms = forms_of(np.einsum("k,tkn->tn", planted, parts), parts)
    np.testing.assert_allclose(least_squares(forms, snr), planted, atol=1e-6)
    constrained = nonnegative(forms, snr)
    assert constrained[1] == 0 and (constrained >= 0).all()
    inside = simplex(forms, snr)
    assert (inside >= 0).all() and inside.sum() == pytest.approx(1)


def test_the_mean_of_decibels_is_what_is_maximised():
    """A loud track must not decide: levels differ by 40 dB, the mean SNR counts all tracks alike."""
    levels = np.where(np.arange(40) == 0, 100.0, 1.0)
    forms = noisy_models([0.3, 0.5], levels=levels)
    even = noisy_models([0.3, 0.5])
    np.testing.assert_allclose(least_squares(forms, snr), least_squares(even, snr), atol=1e-6)
    best = finite_mean(forms.snr(least_squares(forms, snr)))
    nearby = least_squares(forms, snr) + np.random.default_rng(1).normal(0, 0.02, (200, 2))
    assert (finite_mean(forms.snr(nearby)) <= best + 1e-9).all()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0.05, 2), min_size=2, max_size=4),
    st.floats(0, 0.9),
    st.integers(0, 1000),
)
def test_larger_families_never_score_less_on_what_they_learned_from(errors, shared, seed):
    forms = noisy_models(errors, tracks=12, seed=seed, shared=shared)
    means = {
        name: float(finite_mean(forms.snr(get_strategy(name)(forms, snr))))
        for name in having_target("decision")
    }
    assert means["best_single"] <= means["grid"] + 1e-9
    assert means["grid"] <= means["simplex"] + 1e-4
    assert means["simplex"] <= means["nonnegative"] + 1e-6
    assert means["nonnegative"] <= means["least_squares"] + 1e-6
    assert means["most_selected"] <= means["best_single"] + 1e-9


def test_most_selected_and_best_mean_may_differ():
    """b wins two tracks of three by little and loses one by much."""
    x = np.tile(np.eye(2)[0], (3, 1))
    level = np.array([[0.4, 0.3], [0.4, 0.3], [0.1, 3.0]])
    forms = forms_of(x, x[:, None] + level[:, :, None] * np.eye(2)[1])
    np.testing.assert_array_equal(best_single(forms, snr), [1, 0])
    np.testing.assert_array_equal(most_selected(forms, snr), [0, 1])


def test_equal_models_share_a_weight_instead_of_failing():
    x = np.random.default_rng(0).normal(size=(6, 30))
    twin = x + np.random.default_rng(1).normal(0, 0.3, size=(6, 30))
    forms = forms_of(x, np.stack([twin, twin], axis=1))
    for fit in (least_squares, nonnegative, simplex):
        weights = fit(forms, snr)
        assert np.isfinite(weights).all()
        assert finite_mean(forms.snr(weights)) >= finite_mean(forms.snr([1.0, 0.0])) - 1e-6


@pytest.mark.parametrize(
    ("models", "steps", "points"), [(1, 5, 1), (2, 10, 11), (3, 4, 15), (4, 10, 286)]
)
def test_the_grid_is_whole_and_starts_with_single_models(models, steps, points):
    every = simplex_grid(models, steps)
    assert len(every) == points == len({tuple(row) for row in every.tolist()})
    np.testing.assert_allclose(every.sum(axis=1), 1)
    np.testing.assert_array_equal(every[:models], np.eye(models))


def test_a_grid_without_end_is_refused():
    with pytest.raises(ConfigError, match="points"):
        simplex_grid(20, 20)


def test_the_grid_finds_the_best_of_its_points():
    forms = noisy_models([0.3, 0.45, 0.9])
    weights = grid(forms, score)
    best = finite_mean(score(forms, simplex_grid(3, 10))).max()
    assert finite_mean(score(forms, weights)) == pytest.approx(best)


def test_means_leave_out_what_is_not_finite():
    scores = np.array([[1.0, np.inf, 3.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(finite_mean(scores), [2.0, -np.inf])


def test_unknown_strategies_are_named():
    with pytest.raises(ConfigError, match="simplex"):
        get_strategy("best")
