"""Subsets, sweeps and the greedy path find what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.selection.combinations import greedy, subsets, sweep
from stemwise.selection.weights import finite_mean, simplex, simplex_grid

from .planted import forms_of, noisy_models


def snr(forms, weights):
    return forms.snr(weights)


def test_the_greedy_path_adds_what_helps_most():
    """m2 is best; m0 errs independently of it and helps; m1 is m2's twin and adds nothing."""
    random = np.random.default_rng(0)
    x = random.normal(size=(30, 64))
    good, other = (level * random.normal(size=(30, 64)) for level in (0.3, 0.4))
    forms = forms_of(x, np.stack([x + other, x + good * 1.0001, x + good], axis=1))
    path = greedy(forms, simplex, snr, {"m0": 1.0, "m1": None, "m2": 2.0})
    assert [step.model for step in path] == ["m2", "m0", "m1"]
    gains = np.diff([step.mean_score for step in path])
    assert gains[0] > 1.5 and gains[1] == pytest.approx(0, abs=0.01)
    assert [step.seconds_per_minute for step in path] == [2.0, 3.0, None]
    assert path[1].models == ("m2", "m0") and sum(path[1].weights) == pytest.approx(1)


def test_one_model_is_a_path_of_one_step():
    (step,) = greedy(noisy_models([0.5]), simplex, snr, {})
    assert step.weights == (1.0,) and step.seconds_per_minute is None


def test_every_subset_comes_once():
    found = list(subsets("abc"))
    assert len(found) == 7 == len(set(found)) and found[:3] == [("a",), ("b",), ("c",)]


def test_a_sweep_scores_every_blend_as_one_by_one():
    forms = noisy_models([0.3, 0.4, 0.8], tracks=9)
    weights, means = sweep(forms, snr, 6)
    np.testing.assert_array_equal(weights, simplex_grid(3, 6))
    for number in (0, 3, 17, len(weights) - 1):
        assert means[number] == pytest.approx(float(finite_mean(forms.snr(weights[number]))))
    # every subset is in it: blends with zeros elsewhere
    for subset in subsets(range(3)):
        inside = (weights[:, list(subset)].sum(axis=1) > 0.999) & (
            weights[:, list(subset)] > 0
        ).all(1)
        assert inside.any()
