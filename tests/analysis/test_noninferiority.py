"""The gate's test: closed forms, and wrong passes, power and N by simulation (small)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stemwise.analysis import noninferiority
from stemwise.analysis.noninferiority import FAILED, PASSED, UNDECIDED, compare, needed


def names(count):
    return [f"artist {i}" for i in range(count)]


def test_with_one_song_per_artist_it_is_the_one_sided_t_test():
    values = np.random.default_rng(5).normal(0.0, 0.2, size=15)
    found = compare(values, names(15), margin=0.1, alpha=0.03)
    expected = stats.ttest_1samp(values, -0.1, alternative="greater")
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.low == pytest.approx(expected.confidence_interval(0.97).low)
    other = stats.ttest_1samp(values, -0.1, alternative="less")
    assert found.high == pytest.approx(other.confidence_interval(0.97).high)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 30), st.floats(-2, 2), st.floats(0, 0.5), st.integers(0, 99))
def test_bounds_p_value_and_outcome_agree(artists, mean, margin, seed):
    values = np.random.default_rng(seed).normal(mean, 0.5, size=2 * artists)
    found = compare(values, names(artists) * 2, margin)
    assert (found.outcome == PASSED) == (found.low > -margin) == (found.p_value < 0.05)
    assert (found.outcome == FAILED) == (found.high < -margin) == (found.p_value > 0.95)
    assert found.low <= found.difference <= found.high
    assert (found.tracks_needed is None) or found.outcome == UNDECIDED


def test_more_margin_never_turns_a_pass_into_a_failure():
    values = np.random.default_rng(3).normal(-0.1, 0.3, size=20)
    order = [FAILED, UNDECIDED, PASSED]
    found = [compare(values, names(20), m).outcome for m in np.linspace(0, 0.5, 26)]
    assert [order.index(one) for one in found] == sorted(order.index(one) for one in found)
    assert found[-1] == PASSED


@pytest.mark.parametrize("artists", [0, 1])
def test_without_two_artists_there_is_nothing_to_say(artists):
    found = compare(np.full(5 * artists, 3.0), ["one"] * 5 * artists, 0.1)
    assert (found.outcome, found.low, found.tracks_needed) == (UNDECIDED, None, None)


def test_equal_scores_pass_but_are_not_better():
    zeros = np.zeros(6)
    assert compare(zeros, names(6), 0.1).outcome == PASSED
    equal = compare(zeros, names(6), 0.0)
    assert (equal.outcome, equal.tracks_needed) == (UNDECIDED, None)


def test_what_is_needed_is_the_textbooks_number_and_has_its_power():
    """n = ((z₀.₉₅ + z₀.₈)·σ/margin)², by t a little more; songs of one artist count as few."""
    values = np.tile([-1.0, 1.0], 20) / np.sqrt(40 / 39) * 0.5  # standard deviation 0.5
    found = needed(values, names(40), 0.1, 0.05)
    assert 155 <= found <= 158
    power = stats.nct.sf(stats.t.isf(0.05, found - 1), found - 1, 0.1 / 0.5 * np.sqrt(found))
    assert power == pytest.approx(0.8, abs=0.01)
    copied = compare(np.repeat(values, 3), np.repeat(names(40), 3).tolist(), 0.1)
    assert (copied.tracks_needed, copied.artists_needed) == (3 * found, found)


def test_where_as_many_songs_would_do_for_equal_runs_the_observed_difference_counts():
    values = np.random.default_rng(0).normal(0, 0.2, size=40)
    values += -0.09 - values.mean()
    found = compare(values, names(40), 0.1)
    assert found.outcome == UNDECIDED and found.tracks_needed > 1000


@pytest.mark.parametrize("sizes", [(1,) * 4, (1, 2, 8, 1, 3) * 4, (3,) * 50])
def test_a_difference_of_the_margin_passes_no_more_often_than_promised(sizes, monkeypatch):
    """400 studies: 5 % with a standard error of 1.1 %; benchmarks/check_gate.py has more."""
    monkeypatch.setattr(noninferiority, "needed", lambda *_: None)  # which takes most of the time
    random = np.random.default_rng(1)
    labels = [str(artist) for artist, size in enumerate(sizes) for _ in range(size)]
    passed = failed = better = 0
    for _ in range(400):
        effects = np.repeat(random.normal(size=len(sizes)), sizes) * np.sqrt(0.3)
        values = 0.5 * (effects + random.normal(size=len(labels)) * np.sqrt(0.7))
        at_margin = compare(values - 0.1, labels, 0.1).outcome
        passed += at_margin == PASSED
        failed += at_margin == FAILED
        better += compare(values + 0.4, labels, 0.1).outcome == PASSED
    assert max(passed, failed) <= 400 * 0.09
    assert better / 400 > (0.3 if len(sizes) == 4 else 0.9)
