"""Many pairs at once: errors held for the family, and no resolution lost to their number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stemwise.analysis.clusters import clusters_of
from stemwise.analysis.multiplicity import DRAWS, family


def all_pairs(models):
    return np.triu_indices(models, 1)


def artists_of(sizes):
    return clusters_of([str(i) for i, size in enumerate(sizes) for _ in range(size)])


def test_few_artists_are_adjusted_by_holm():
    """Three artists, three models: the p-values of t with 2 degrees of freedom, times 3, 2 and 1."""
    values = np.array([[9.0, 9.5, 10.1], [1.0, 1.2, 1.1], [0.0, 0.9, 0.4]])
    found = family(values, artists_of((1, 1, 1)), *all_pairs(3))
    alone = [
        stats.ttest_rel(values[a], values[b]).pvalue for a, b in zip(*all_pairs(3), strict=True)
    ]
    assert found.p_value == pytest.approx(alone)
    order = np.argsort(alone)
    stepped = np.maximum.accumulate(np.array(alone)[order] * [3, 2, 1])
    assert found.p_adjusted[order] == pytest.approx(np.minimum(stepped, 1))


def test_a_single_pair_needs_no_adjustment_with_few_artists():
    values = np.random.default_rng(0).normal(0, 1, (2, 6))
    found = family(values, artists_of((2, 1, 2, 1)), *all_pairs(2))
    assert found.p_adjusted == pytest.approx(found.p_value)


def test_all_patterns_are_counted_where_artists_are_eight():
    """Every artist prefers A by about as much: of 128 patterns (and their mirrors) none beats it."""
    values = np.array([np.linspace(1, 1.3, 8), np.zeros(8)])
    found = family(values, artists_of((1,) * 8), *all_pairs(2))
    assert found.p_adjusted == pytest.approx([1 / 128])


def test_equal_models_tie_and_a_constant_gap_is_told():
    values = np.tile(np.random.default_rng(0).normal(0, 3, 20), (3, 1))
    values[2] -= 1
    found = family(values, artists_of((2,) * 10), *all_pairs(3))
    assert found.p_adjusted[0] == 1.0 and found.difference[0] == 0.0
    assert (found.p_adjusted[1:] < 0.01).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(2, 16), st.integers(0, 10_000), st.floats(0, 3))
def test_adjusted_intervals_leave_zero_out_just_where_the_pair_is_told_apart(
    models, artists, seed, gap
):
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 4, artists)
    values = gap * np.arange(models)[:, None] + random.normal(0, 1, (models, sizes.sum()))
    found = family(values, artists_of(sizes), *all_pairs(models), draws=400)
    told = found.p_adjusted < 0.05
    assert np.array_equal(told, np.abs(found.difference) > found.critical * found.error)
    assert (found.p_adjusted >= found.p_value).all() and (found.p_adjusted <= 1).all()
    # what is less likely alone is not more likely among others
    order = np.argsort(found.p_value)
    assert (np.diff(found.p_adjusted[order]) >= -1e-9).all()


def study(random, models, sizes, tails="normal", spread=1.0):
    """Return scores of models that are equally good: songs of one artist correlated by 0.5."""

    def draw(*shape):
        return random.standard_normal(shape) if tails == "normal" else random.standard_t(3, shape)

    index = np.repeat(np.arange(len(sizes)), sizes)
    own = draw(models, len(sizes))[:, index] + draw(models, len(index))
    return random.normal(0, 4, len(index)) + own * spread


@pytest.mark.parametrize(
    ("models", "sizes", "tails"),
    [
        (2, (3, 1, 2), "normal"),
        (2, (2, 2, 2, 2, 2, 2, 1), "t3"),
        (2, (1, 2, 5, 1, 3, 8, 2, 1, 4, 12), "normal"),
        (8, (2, 2, 2), "normal"),
        (8, (2, 1, 4, 1, 3), "t3"),
        (8, (1, 2, 5, 1, 3, 8, 2, 1), "normal"),
        (8, (1,) * 42 + (2,) * 4, "t3"),
        (26, (2, 2, 3), "normal"),
        (26, (3, 1, 2, 2, 2, 1, 4, 1), "normal"),
        (26, (1,) * 42 + (2,) * 4, "normal"),
        (26, (1,) * 42 + (2,) * 4, "t3"),
    ],
)
def test_equal_models_are_told_apart_in_one_study_of_twenty(models, sizes, tails):
    random = np.random.default_rng(models + len(sizes))
    # models differ in how much their scores scatter
    spread = np.resize([1.0, 0.8, 1.2, 3.0, 0.5], models)[:, None]
    clusters, pairs, studies = artists_of(sizes), all_pairs(models), 300
    alarms = 0
    for number in range(studies):
        values = study(random, models, sizes, tails, spread)
        found = family(values, clusters, *pairs, seed=number, draws=300)
        alarms += found.p_adjusted.min() < 0.05
    assert alarms / studies <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / studies)


def test_twenty_six_systems_with_known_gaps_and_ties():
    """50 songs by 46 artists: a winner by 6.4 dB, five that tie below it, and twenty further down.

    With 4000 patterns and Holm's method over 325 pairs no p-value is below 0.081."""
    random = np.random.default_rng(4)
    levels = np.concatenate([[6.4], np.zeros(5), np.linspace(-4, -9, 20)])
    sizes = (1,) * 42 + (2,) * 4
    values = levels[:, None] + study(random, 26, sizes, spread=0.8)
    first, second = all_pairs(26)
    found = family(values, artists_of(sizes), first, second)
    told = found.p_adjusted < 0.05
    assert told[first == 0].all()  # the winner stands alone
    assert found.p_adjusted[first == 0].max() == 1 / DRAWS
    ties = (first >= 1) & (second <= 5)
    assert ties.sum() == 10 and not told[ties].any()
    assert told[(first >= 1) & (first <= 5) & (second > 5)].all()
    # never where a truth of the same sign could be doubted
    truth = levels[first] - levels[second]
    assert (found.difference[told] * truth[told] > 0).all()


def test_steps_see_more_than_one_step():
    """Once a bad model is out of the family, what is left is compared with a smaller critical value."""
    random = np.random.default_rng(7)
    sizes = (1,) * 20
    values = study(random, 6, sizes, spread=0.5)
    values[3:] -= 20 + np.arange(3)[:, None] * 20
    found = family(values, artists_of(sizes), *all_pairs(6))
    _, second = all_pairs(6)
    close = second < 3
    assert (found.critical[close] < found.critical[~close].max()).all()
