"""Uncertainty over artists: closed forms, and coverage as promised with few and uneven artists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stemwise.analysis.clusters import clusters_of, interval, p_value, tracks_needed

EVEN, UNEVEN, ONE_BIG = (3,) * 10, (1, 2, 5, 1, 3, 8, 2, 1, 4, 12), (10,) + (1,) * 9


def names(count):
    return [f"artist {i}" for i in range(count)]


def songs_of(sizes):
    return [name for name, size in zip(names(len(sizes)), sizes, strict=True) for _ in range(size)]


def test_with_one_song_per_artist_it_is_the_t_test():
    values = np.random.default_rng(5).normal(0.4, 1, size=9)
    found = stats.ttest_1samp(values, 0)
    assert p_value(values, names(9)) == pytest.approx(found.pvalue)
    assert interval(values, names(9)) == pytest.approx(tuple(found.confidence_interval()))


def test_with_as_many_songs_per_artist_it_is_the_t_test_of_their_means():
    values = np.random.default_rng(6).normal(0.4, 1, size=(7, 4))
    found = stats.ttest_1samp(values.mean(axis=1), 0)
    assert p_value(values.ravel(), songs_of((4,) * 7)) == pytest.approx(found.pvalue)
    assert clusters_of(songs_of((4,) * 7)).freedom == pytest.approx(6)


def test_repeating_every_song_of_an_artist_adds_no_certainty():
    """Ten copies of each song by the same artist: the interval must not shrink by √10."""
    values = np.random.default_rng(0).normal(0, 1, size=30)
    copied = interval(np.repeat(values, 10), np.repeat(names(30), 10).tolist())
    assert copied == pytest.approx(interval(values, names(30)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=30))
def test_factor_and_degrees_of_freedom_are_those_of_the_matrix(sizes):
    """Bell & McCaffrey's matrix AVAᵀ written out: tr V/(N² tr C), and (tr C)²/tr C²."""
    n = np.array(sizes, dtype=float)
    variance = np.diag(0.9 * n + 0.1 * n**2)
    centre = np.eye(len(n)) - np.outer(n, np.ones(len(n))) / n.sum()
    matrix = centre @ variance @ centre.T
    clusters = clusters_of(songs_of(sizes))
    trace = np.trace(matrix)
    assert clusters.factor == pytest.approx(np.trace(variance) / trace / n.sum() ** 2)
    assert clusters.freedom == pytest.approx(trace**2 / np.sum(matrix**2))
    assert clusters.freedom <= len(n) - 1 + 1e-9


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 4)), min_size=2, max_size=20),
    st.floats(-3, 3),
)
def test_interval_and_p_value_never_contradict_each_other(items, shift):
    values = np.array([value for value, _ in items]) + shift
    labels = [str(artist) for _, artist in items]
    low, high = interval(values, labels)
    p = p_value(values, labels)
    if low is None:
        assert len(set(labels)) == 1 and p is None
    elif abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (low > 0 or high < 0)


def test_one_artist_tells_nothing_about_others():
    assert interval(np.arange(5.0), ["a"] * 5) == (None, None)
    assert p_value(np.arange(5.0), ["a"] * 5) is None
    assert interval(np.zeros(0), []) == (None, None)


def test_equal_and_constant_differences():
    assert p_value(np.zeros(4), list("abcd")) == 1.0
    assert p_value(np.ones(4), list("abcd")) == 0.0
    assert interval(np.ones(4), list("abcd")) == (1.0, 1.0)


@pytest.mark.parametrize("sizes", [EVEN, UNEVEN, ONE_BIG])
@pytest.mark.parametrize("artists", [3, 4, 7, 12])
@pytest.mark.parametrize("tails", ["normal", "t3"])
def test_intervals_cover_the_truth(sizes, artists, tails):
    """Songs of one artist correlated by 0.5. A bootstrap of artists covers 77 % with 3, 88 % with 7."""
    random = np.random.default_rng(artists)
    sizes = (sizes * 2)[:artists]
    labels = songs_of(sizes)
    draw = random.standard_normal if tails == "normal" else lambda size: random.standard_t(3, size)
    index = np.repeat(np.arange(artists), sizes)
    covered = 0
    for _ in range(1000):
        low, high = interval(5 + draw(artists)[index] + draw(len(index)), labels)
        covered += low <= 5 <= high
    assert 0.93 <= covered / 1000 <= 0.995


def test_songs_taken_for_independent_would_cry_wolf():
    random = np.random.default_rng(1)
    labels, alarms = songs_of((4,) * 15), [0, 0]
    for _ in range(300):
        values = np.repeat(random.normal(0, 1, 15), 4) + random.normal(0, 0.2, 60)
        alarms[0] += p_value(values, labels) < 0.05
        alarms[1] += p_value(values, names(60)) < 0.05
    assert alarms[0] < 30 and alarms[1] > 60


def test_the_tracks_that_would_be_needed():
    """δ = 0.5, σ = 1: 33.37 by a t-test (G*Power: 34), where quantiles of a normal say 31.36."""
    values = np.array([-0.5, 1.5] * 5000)
    assert tracks_needed(values, names(10_000)) == 34
    # two songs per artist that are alike tell no more than one
    assert tracks_needed(np.repeat(values, 2), songs_of((2,) * 10_000)) == 68
    assert tracks_needed(values, names(10_000), critical=stats.norm.isf(0.0025)) > 50


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
        return shared + random.normal(effect, 0.7, artists * songs), songs_of((songs,) * artists)

    level = 0.05 / pairs
    artists = tracks_needed(*study(20_000), critical=stats.norm.isf(level / 2)) / songs
    assert artists == int(artists)
    found = [p_value(*study(int(artists))) < level for _ in range(2000)]
    assert 0.77 < np.mean(found) < 0.88  # a whole artist more than needed where there are few
