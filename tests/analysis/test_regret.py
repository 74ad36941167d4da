"""The regret ledger: what is held out is held out, and only a certain gain becomes a blend."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.analysis.cross_fit import cross_fit, each, folds_of
from stemwise.analysis.regret import ledger
from stemwise.analysis.stem_fit import FitRule, StemFit
from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import least_squares, simplex

from ..selection.planted import forms_of, noisy_models

STEM = ("mixture", "mixture", "vocals")


def snr(forms, weights):
    return forms.snr(weights)


def names(count):
    return [f"artist {i}" for i in range(count)]


def make(forms, artists=None, strategy="simplex", segments=None, score=snr, **rule):
    """Return the ledger of the first set that the stem offers, and its rows by level."""
    artists = artists or names(len(forms))
    fit = StemFit(STEM, forms, artists, FitRule(strategy, score, **rule))
    segments = fit.singles.max(axis=0) + 0.5 if segments is None else segments
    found = ledger(fit, fit.offer().sets[0], segments)
    return found, {row["level"]: row for row in found.rows}


@pytest.mark.parametrize("count", [2, 3, 7, 40])
def test_folds_cover_every_track_once_and_never_split_an_artist(count):
    artists = [f"artist {i % count}" for i in range(50)]
    parts = folds_of(artists)
    assert len(parts) == min(5, count)
    assert sorted(np.concatenate(parts)) == list(range(50))
    owners = [{artists[i] for i in part} for part in parts]
    assert all(not one & two for i, one in enumerate(owners) for two in owners[:i])
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 50 // count + 1


def test_nothing_can_be_held_out_of_one_artist():
    assert folds_of(["a"] * 10) is None


def test_no_track_is_scored_with_weights_that_saw_it():
    """A strategy that remembers its tracks finds none of those it is scored on."""
    forms = noisy_models([0.3, 0.5], tracks=20)
    artists = [f"artist {i % 7}" for i in range(20)]
    seen = []

    def spy(learned, score):
        seen.append(set(learned.tracks))
        return least_squares(learned, score)

    parts = folds_of(artists)
    found = cross_fit(forms, parts, spy, snr)
    for part, learned in zip(parts, seen, strict=True):
        own = {artists[i] for i in part}
        assert not own & {artists[forms.tracks.index(track)] for track in learned}
    np.testing.assert_allclose(each(forms, found.of_track(parts), snr), found.scores)


def test_independent_errors_make_a_blend_that_is_certain():
    """Two equal models with independent errors: halving the error's energy gains 3.01 dB."""
    found, rows = make(noisy_models([0.5, 0.5], tracks=60))
    assert found.established is True
    assert rows["recipe"]["gain"] == pytest.approx(3.01, abs=0.35)
    assert rows["recipe"]["gain_low"] > 2
    assert found.weights == pytest.approx({"m0": 0.5, "m1": 0.5}, abs=0.05)
    assert found.held_out_snr[0] == pytest.approx(rows["recipe"]["mean_score"])
    assert rows["best_single"]["gain"] == 0 and rows["best_single"]["gain_low"] is None


def test_models_that_err_alike_make_no_blend():
    """All errors shared: nothing can be gained, so the recipe is one model."""
    found, rows = make(noisy_models([0.5, 0.5, 0.5], shared=1.0))
    assert not found.established
    assert list(found.weights.values()) == [1.0]
    assert abs(rows["recipe"]["gain"]) < 0.05


def test_a_much_worse_model_is_left_alone():
    found, _ = make(noisy_models([0.2, 3.0], tracks=12, shared=0.5), strategy="mean")
    assert found.established is False and found.weights == {"m0": 1.0}


def test_the_levels_stand_in_their_order():
    _, rows = make(noisy_models([0.5, 0.55, 0.6], tracks=60, shared=0.6))
    means = {level: row["mean_score"] for level, row in rows.items()}
    assert means["best_single"] < means["recipe"]
    assert means["best_single"] < means["track_oracle"] < means["segment_oracle"]


def test_the_segment_oracle_may_stay_with_one_model():
    forms = noisy_models([0.5, 0.6])
    _, rows = make(forms, segments=np.full(len(forms), -99.0))
    assert rows["segment_oracle"]["mean_score"] == rows["track_oracle"]["mean_score"]


def test_equal_models_gain_what_the_best_of_normal_numbers_gains():
    """Four models of equal mean with 0.5 dB of spread: E[max of four] = 1.029 σ = 0.51 dB (FACTS)."""
    random = np.random.default_rng(0)
    forms = noisy_models([0.5] * 4, tracks=4000, size=8)
    spread = random.normal(0, 0.5, (4, 4000))

    def fake(forms, weights):  # scores of single models, as they would come from such models
        index = np.argmax(np.atleast_2d(weights), axis=1)
        rows = spread[index][:, [int(track[1][1:]) for track in forms.tracks]]
        return rows if np.ndim(weights) == 2 else rows[0]

    _, rows = make(forms, ["one artist"] * 4000, segments=spread.max(axis=0), score=fake)
    chance, oracle = rows["equal_models"], rows["track_oracle"]
    assert chance["gain"] == pytest.approx(0.51, abs=0.03)
    assert oracle["gain"] == pytest.approx(chance["gain"], abs=0.05)  # all of it is chance


def test_one_artist_gives_the_best_single_model_and_says_that_nothing_was_held_out():
    found, rows = make(noisy_models([0.4, 0.5], tracks=6), artists=["one"] * 6)
    assert found.established is None and list(found.weights) == ["m0"]
    assert "recipe" not in rows
    assert found.held_out_snr[1:] == (None, None)


def test_the_gap_to_the_oracle_is_what_choosing_with_the_truth_adds():
    forms = noisy_models([0.5, 0.5], shared=0.9)
    found, rows = make(forms)
    gap = rows["track_oracle"]["mean_score"] - found.held_out_score[0]
    assert found.oracle_gap == pytest.approx(gap)


def test_the_same_seed_gives_the_same_ledger():
    forms = noisy_models([0.4, 0.5, 0.6], tracks=25, shared=0.3)
    assert make(forms)[0].rows == make(forms)[0].rows
    assert isinstance(simplex(forms, StemForms.snr), np.ndarray)


def test_silence_is_no_blend():
    """Against a model that is worse than silence, weights of 0 gain with certainty: never a recipe."""
    random = np.random.default_rng(0)
    x = random.normal(size=(20, 64))
    wrong = -x + 0.1 * random.normal(size=(20, 1, 64))[:, 0]
    found, _ = make(forms_of(x, np.stack([wrong, wrong * 1.1], axis=1)), strategy="nonnegative")
    assert found.established is False and list(found.weights.values()) == [1.0]
