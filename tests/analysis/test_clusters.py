"""Uncertainty over artists: exact tests, closed forms, and errors held at their promised rate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stemwise.analysis.clusters import (
    cluster_t_p,
    draw_clusters,
    holm,
    interval,
    paired_p,
    sign_flip_p,
    tracks_needed,
)


def test_songs_of_an_artist_are_drawn_together():
    labels = ["a", "b", "a", "c"]
    drawn = draw_clusters(labels, draws=500)
    assert (drawn[:, 0] == drawn[:, 2]).all()
    assert (drawn[:, [0, 1, 3]].sum(axis=1) == 3).all()  # as many artists as there are
    assert np.array_equal(drawn, draw_clusters(labels, draws=500))
    assert not np.array_equal(drawn, draw_clusters(labels, draws=500, seed=1))


def test_the_interval_is_that_of_the_mean_over_independent_songs():
    """Of n independent values the mean's standard error is σ/√n: the interval is ± 1.96 of them."""
    values = np.random.default_rng(0).normal(5, 2, size=400)
    low, high = interval(values, [str(i) for i in range(400)])
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_repeating_every_song_of_an_artist_adds_no_certainty():
    """Ten copies of each song by the same artist: the interval must not shrink by √10."""
    values = np.random.default_rng(0).normal(0, 1, size=30)
    names = [str(i) for i in range(30)]
    once = interval(values, names)
    copied = interval(np.repeat(values, 10), np.repeat(names, 10).tolist())
    assert copied[1] - copied[0] == pytest.approx(once[1] - once[0], rel=0.05)


def test_one_artist_tells_nothing_about_others():
    assert interval(np.arange(5.0), ["a"] * 5) == (None, None)
    assert sign_flip_p(np.arange(5.0), ["a"] * 5) is None


def test_the_exact_test_counts_patterns():
    """Three artists with +1, +1, +1: of 8 sign patterns two are as extreme: p = 1/4."""
    assert sign_flip_p(np.ones(3), ["a", "b", "c"]) == 0.25
    # sums 3, 1: patterns ±3 ± 1 are as extreme as 4 in two of four
    assert sign_flip_p(np.array([1.0, 2.0, 1.0]), ["a", "a", "b"]) == 0.5
    assert sign_flip_p(np.zeros(4), list("abcd")) == 1.0


def test_false_alarms_come_as_often_as_promised():
    """Of tests of nothing, 5 % are below 0.05, also where artists differ by much and songs by little."""
    random = np.random.default_rng(1)
    labels = [str(i // 4) for i in range(60)]
    p_values = []
    for number in range(300):
        artist = np.repeat(random.normal(0, 1, 15), 4)
        song = random.normal(0, 0.2, 60)
        p_values.append(sign_flip_p(artist + song, labels, draws=400, seed=number))
    assert np.mean(np.array(p_values) < 0.05) < 0.09
    # songs taken for independent would cry wolf
    naive = [str(i) for i in range(60)]
    alarms = 0
    for number in range(100):
        values = np.repeat(random.normal(0, 1, 15), 4) + random.normal(0, 0.2, 60)
        alarms += sign_flip_p(values, naive, draws=400, seed=number) < 0.05
    assert alarms > 20


def test_with_one_song_per_artist_it_is_the_paired_t_test():
    values = np.random.default_rng(5).normal(0.4, 1, size=9)
    labels = [str(i) for i in range(9)]
    assert cluster_t_p(values, labels) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert paired_p(values, labels) == cluster_t_p(values, labels)
    many = [str(i) for i in range(13)]
    wide = np.random.default_rng(5).normal(0.4, 1, size=13)
    assert paired_p(wide, many) == sign_flip_p(wide, many)


def test_few_artists_can_show_a_large_difference_and_raise_few_false_alarms():
    random = np.random.default_rng(6)
    labels = [str(i) for i, songs in enumerate((2, 2, 2, 2, 2, 2, 1)) for _ in range(songs)]
    assert cluster_t_p(random.normal(30, 1, len(labels)), labels) < 1e-6
    alarms = 0
    for _ in range(600):
        artist = np.array([random.normal(0, 1) for _ in range(7)])[[int(x) for x in labels]]
        alarms += cluster_t_p(artist + random.normal(0, 0.5, len(labels)), labels) < 0.05
    assert alarms / 600 < 0.085
    assert cluster_t_p(np.ones(2), ["a", "a"]) is None
    assert cluster_t_p(np.ones(2), ["a", "b"]) == 0.0
    assert cluster_t_p(np.zeros(2), ["a", "b"]) == 1.0


def test_a_real_difference_is_found():
    values = np.random.default_rng(2).normal(0.5, 0.5, size=40)
    assert sign_flip_p(values, [str(i) for i in range(40)]) < 0.001


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8))
def test_holm_is_monotone_and_never_below_the_plain_value(p_values):
    adjusted = holm(p_values)
    assert [a is None for a in adjusted] == [p is None for p in p_values]
    known = sorted((p, a) for p, a in zip(p_values, adjusted, strict=True) if p is not None)
    assert all(p <= a <= 1 for p, a in known)
    assert all(one[1] <= two[1] for one, two in pairwise(known))


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_the_tracks_that_would_be_needed():
    """δ = 0.5, σ = 1: 33.37 by a t-test (G*Power: 34), where quantiles of a normal say 31.36."""
    values = np.array([-0.5, 1.5] * 5000)
    assert tracks_needed(values, names(10_000)) == 34
    # two songs per artist that are alike tell no more than one
    assert tracks_needed(np.repeat(values, 2), [n for n in names(10_000) for _ in "ab"]) == 68
    assert tracks_needed(values, names(10_000), pairs=10) > 50


@pytest.mark.parametrize("values", [[1.0], [0.0] * 5, [1.0, 1.0], [-1.0, 1.0], []])
def test_no_number_of_tracks_is_promised_without_a_difference_and_a_spread(values):
    assert tracks_needed(np.array(values), names(len(values))) is None


def test_a_difference_of_nothing_needs_more_than_anybody_has():
    random = np.random.default_rng(0)
    values = random.normal(0, 1, 50)
    assert tracks_needed(values - values.mean() + 1e-5, names(50)) is None


@pytest.mark.parametrize(("effect", "songs", "pairs"), [(1.0, 1, 1), (0.7, 3, 1), (0.7, 1, 28)])
def test_so_many_tracks_have_the_power_that_is_promised(effect, songs, pairs):
    """Simulation: 80 % of studies of that size tell the difference at the level of so many pairs."""
    random = np.random.default_rng(1)

    def study(artists):
        shared = random.normal(0, 0.7, artists).repeat(songs)
        labels = [name for name in names(artists) for _ in range(songs)]
        return shared + random.normal(effect, 0.7, artists * songs), labels

    artists = tracks_needed(*study(20_000), pairs) / songs
    assert artists == int(artists)
    found = [cluster_t_p(*study(int(artists))) < 0.05 / pairs for _ in range(2000)]
    assert 0.77 < np.mean(found) < 0.88  # a whole artist more than needed where there are few


def names(count):
    return [f"artist {i}" for i in range(count)]
