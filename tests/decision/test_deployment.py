"""What is deployed: a blend where it pays, a model, or nothing that could be used."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.analysis.regret import ledger
from stemwise.analysis.stem_fit import FitRule, StemFit
from stemwise.decision.deployment import deployment_row
from stemwise.selection.sets import cheapest
from stemwise.storage.tables import ANALYSIS

from ..selection.planted import forms_of, noisy_models

COST = {"m0": 2.0, "m1": 6.0, "m2": 1.0}


def deployed(forms, cost=COST, input_snr=-6.0, **rule):
    """Return the row of a stem alone."""
    artists = [f"artist {i // 2}" for i in range(len(forms))]
    score = rule.pop("score", lambda forms, weights: forms.snr(weights))
    fit = StemFit(
        ("mixture", "mixture", "vocals"), forms, artists, FitRule("simplex", score, cost, **rule)
    )
    offer = fit.offer()
    models = offer.sets[cheapest([offer], cost)[0]]
    made = ledger(fit, models, fit.singles.max(axis=0))
    floor = np.full(len(forms), input_snr)
    return deployment_row(fit, models, made, floor, cost)


def test_a_blend_that_pays_is_deployed_with_its_held_out_score_and_cost():
    row = deployed(noisy_models([0.5, 0.5], tracks=50))
    assert set(row) == set(ANALYSIS["deployment"].names)
    assert row["kind"] == "blend" and row["models"] == ["m0", "m1"] and row["below"] is None
    assert row["weights"] == pytest.approx([0.5, 0.5], abs=0.05)
    assert row["low"] < row["mean_score"] < row["high"] and row["snr"] == row["mean_score"]
    assert 2.5 < row["gain"] < 3.5 and row["seconds_per_minute"] == 8.0
    assert row["best_models"] == row["models"] and row["tenth_s"] is None
    assert (row["tracks"], row["artists"]) == (50, 25)


def test_what_the_last_tenth_of_a_decibel_costs():
    """m0 and m1 tie but for 0.05 dB that m1 has for sure; it costs 4 s more: 8 s per 0.1 dB."""
    random = np.random.default_rng(0)
    forms = noisy_models([0.5, 0.5], tracks=40, shared=1.0)
    better = 0.05 + 0.01 * random.normal(size=40)

    def score(forms, weights):
        own = better[[int(track[1:]) for _, track in forms.tracks]]
        return forms.snr(weights) + np.asarray(weights)[..., 1:2] * own

    row = deployed(forms, score=score)
    assert row["models"] == ["m0"] and row["kind"] == "model" and row["gain"] is None
    assert row["best_models"] == ["m1"]
    gap = row["best_score"] - row["mean_score"]
    assert gap == pytest.approx(better.mean())
    assert row["tenth_s"] == pytest.approx(0.1 * 4.0 / gap)


def test_what_is_no_better_than_silence_is_not_usable():
    row = deployed(noisy_models([1.5, 2.0], tracks=20, shared=1.0))
    assert row["kind"] == "nothing" and row["below"] == "silence" and row["snr"] < 0


def test_what_is_no_better_than_the_unprocessed_input_is_not_usable():
    row = deployed(noisy_models([0.5, 0.6], tracks=20, shared=1.0), input_snr=7.0)
    assert row["kind"] == "nothing" and row["below"] == "input" and row["models"] == ["m0"]
    assert deployed(noisy_models([0.5], tracks=20), input_snr=np.nan)["kind"] == "model"


def test_a_track_on_which_the_input_is_the_stem_does_not_decide():
    forms = noisy_models([0.5], tracks=20)
    floor = np.full(20, 5.0)
    assert deployed(forms, input_snr=floor)["kind"] == "model"
    floor[3] = np.inf
    assert deployed(forms, input_snr=floor)["kind"] == "model"
    assert deployed(forms, input_snr=np.full(20, np.inf))["kind"] == "model"


def test_of_models_that_tie_the_cheapest_is_deployed():
    row = deployed(noisy_models([0.5, 0.5, 0.5], tracks=40, shared=0.999))
    assert row["models"] == ["m2"] and row["kind"] == "model"


def test_an_unknown_cost_is_unknown():
    row = deployed(noisy_models([0.5, 0.5], tracks=50), cost={"m0": 1.0, "m1": None})
    assert row["kind"] == "blend" and row["seconds_per_minute"] is None


def test_one_artist_deploys_a_model_and_holds_nothing_out():
    x = np.random.default_rng(0).normal(size=(4, 32))
    forms = forms_of(x, np.stack([x * 0.9, x * 0.5], axis=1))
    fit = StemFit(
        ("mixture", "mixture", "drums"),
        forms,
        ["one"] * 4,
        FitRule("simplex", lambda f, w: f.snr(w)),
    )
    made = ledger(fit, fit.offer().sets[0], fit.singles.max(axis=0))
    row = deployment_row(fit, fit.offer().sets[0], made, np.full(4, np.nan), {})
    assert row["kind"] == "model" and row["models"] == ["m0"]
    assert row["low"] is None and row["high"] is None
