"""Replayed cascades have closed forms, and chance is not taken for skill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.analysis.cascade import Ladder, hull, reached
from stemwise.analysis.cross_fit import folds_of
from stemwise.analysis.tier_gain import fit_gain, over_chance, predicted

NAMES = [f"artist {number}" for number in range(40)]


def ladder(scores, alone, so_far=None):
    alone = np.array(alone, float)
    so_far = alone if so_far is None else np.array(so_far, float)
    return Ladder(np.array(scores, float), alone, so_far, NAMES[: np.shape(scores)[1]])


def test_a_cascade_that_finds_the_half_that_gains_keeps_all_of_the_gain():
    gains = np.tile([2.0, 0.0], 10)
    tiers = ladder([np.full(20, 5.0), 5 + gains], [1, 3], [1, 4])
    found = tiers.cascade(gains[None], 0.5)
    assert found.score[0] == 6.0 and found.gain[0] == 1.0
    assert (found.share, found.cost) == (0.5, 2.5)
    # a random mix at 2.5 runs the second tier for three songs of four, and gains three quarters
    assert found.over_mix[0] == pytest.approx(0.25)
    assert found.over_mix[1] > 0
    assert tiers.tier(1).gain[0] == 1.0 and tiers.tier(1).cost == 3.0


def test_of_two_tiers_the_advantage_is_the_covariance_of_going_on_and_gain():
    random = np.random.default_rng(0)
    scores, promised = random.normal(size=(2, 15)), random.normal(size=(1, 15))
    tiers = ladder(scores, [1, 3])
    went, gains = promised[0] >= 0.1, scores[1] - scores[0]
    better = scores.mean(axis=1)
    expected = np.mean((went - went.mean()) * gains)
    if better[1] < better[0]:  # then nobody would mix it in
        expected = np.mean(went * gains)
    assert tiers.cascade(promised, 0.1).over_mix[0] == pytest.approx(expected)


@given(st.integers(2, 4), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_threshold_above_all_promises_is_the_first_tier_and_below_all_the_last(
    tiers, songs, seed
):
    random = np.random.default_rng(seed)
    scores, promised = random.normal(size=(tiers, songs)), random.normal(size=(tiers - 1, songs))
    steps = np.cumsum(random.uniform(0.5, 2, tiers))
    replay = ladder(scores, steps)
    assert replay.cascade(promised, np.inf).gain[0] == 0
    last = replay.cascade(promised, -np.inf)
    assert last.score[0] == pytest.approx(scores[-1].mean()) and last.cost == pytest.approx(
        steps[-1]
    )
    truth = replay.true_promises()
    assert (truth[-1] == scores[-1] - scores[-2]).all()
    assert (reached(truth, -np.inf) == tiers - 1).all()


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(-9, 9)), min_size=1, max_size=6))
def test_no_tier_and_no_mixture_of_two_lies_above_the_hull(points):
    costs, scores = np.array(points, float).T
    corners = hull(costs, scores)
    assert (np.diff(costs[corners]) > 0).all() and (np.diff(scores[corners]) > 0).all()
    at = np.interp(costs, costs[corners], scores[corners])
    assert (scores <= at + 1e-9).all()


def test_an_exact_relation_is_found_and_a_constant_feature_is_none():
    found = np.array([[level, 7.0] for level in range(10)])
    own = fit_gain(found, 0.5 - 0.1 * found[:, 0])
    np.testing.assert_allclose(predicted(own, found), 0.5 - 0.1 * found[:, 0], atol=1e-9)
    same = fit_gain(np.full((5, 2), 3.0), np.arange(5.0))
    np.testing.assert_allclose(same, [2, 0, 0], atol=1e-9)
    assert fit_gain(np.ones((1, 2)), np.array([0.4])) == pytest.approx([0.4, 0, 0])


def test_what_order_is_worth_has_a_closed_form():
    gains = np.array([0.0, 1.0, 2.0, 3.0])
    ranks = np.array([1, 2, 3, 4]) / 4
    expected = np.mean((ranks - ranks.mean()) * gains)
    assert over_chance(gains, gains, NAMES[:4])[0] == pytest.approx(expected)
    assert over_chance(-gains, gains, NAMES[:4])[0] == pytest.approx(-expected)
    assert over_chance(np.zeros(4), gains, NAMES[:4]) == (0.0, 0.0, 0.0)
    assert over_chance(gains, gains, ["one"] * 4)[1:] == (None, None)


@pytest.mark.parametrize(("slope", "least", "most"), [(0.0, 0.0, 0.09), (1.5, 0.8, 1.0)])
def test_noise_is_seldom_taken_for_a_prediction_and_a_relation_mostly_found(slope, least, most):
    random = np.random.default_rng(3)
    artists = NAMES[:16]
    parts = folds_of(artists, 5, 0)
    established = 0
    for _ in range(150):
        found, noise = random.normal(size=(16, 2)), random.normal(size=16)
        gains, signal = 0.3 + slope * found[:, 0] + noise, np.zeros(16)
        for part in parts:
            outside = np.setdiff1d(np.arange(16), part)
            own = fit_gain(found[outside], gains[outside])
            signal[part] = predicted(own, found[part]) - gains[outside].mean()
        low = over_chance(signal.round(9), gains, artists)[1]
        established += low is not None and low > 0
    assert least <= established / 150 <= most
