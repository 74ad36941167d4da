"""The table `kinds`, in closed form: models of one error that add up differently in every kind."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from stemwise.analysis.multiplicity import holm
from stemwise.analysis.stem_fit import FitRule, StemFit
from stemwise.decision.gathering import Gathered
from stemwise.decision.kinds import BETTER, WORSE, Compared, Stem, kinds_rows, linear
from stemwise.evaluation.measured import Measured
from stemwise.selection.stem_forms import StemForms

MODELS, TRACKS = ("a", "b", "c"), 12
PLACE = ("mixture", "mixture", "vocals")
MEDIAN = Measured("median", "median", MODELS)


def forms(energies):
    """Model i is the reference plus an error of energy `energies[track, i]`, all at right angles."""
    count, size = energies.shape
    gram = 1 + np.einsum("ti,ij->tij", energies, np.eye(size))
    tracks = tuple(("d", f"t{number:02}") for number in range(count))
    return StemForms(
        "vocals",
        MODELS[:size],
        tracks,
        np.ones(count),
        np.ones((count, size)),
        gram,
        gram,
        gram,
        gram,
    )


def stem(found, scores=(), ensembles=(), artists=None):
    labels = artists or [f"artist {number}" for number in range(len(found))]
    rule = FitRule("simplex", lambda own, weights: own.snr(weights), {}, "none")
    fit = StemFit(PLACE, found, labels, rule)
    texts = ("dataset", "track_id", "parent", "parent_source", "stem", "model", "status")
    schema = dict.fromkeys(texts, pl.String) | {"score": pl.Float64}
    rows = pl.DataFrame(list(scores), schema, orient="row")
    return Stem(Gathered(PLACE, found, tuple(labels), frozenset(), 0, MODELS), fit, rows, ensembles)


def scored(found, model, values):
    return [
        (*track, *PLACE, model, "ok", float(value))
        for track, value in zip(found.tracks, values, strict=True)
    ]


def rows_of(made, cost=None, **options):
    return {row["kind"]: row for row in kinds_rows(made, cost or {}, **options)}


def equal_models(seed=0):
    """Errors of about 0.01, the smallest always of `a`."""
    random = np.random.default_rng(seed)
    errors = 0.01 * 10 ** random.normal(0, 0.02, (TRACKS, 3))
    errors[:, 0] *= 0.9
    return forms(errors)


def test_linear_kinds_in_closed_form():
    """The mean of three errors of equal energy at right angles has a third of it: 4.77 dB."""
    found = forms(np.full((TRACKS, 3), 0.01))
    rows = rows_of(stem(found), {"a": 1.0, "b": 2.0, "c": 4.0})
    assert list(rows) == ["best_single", "mean", "blend"]
    assert rows["best_single"]["score"] == pytest.approx(20)
    assert (rows["best_single"]["gain"], rows["best_single"]["gain_low"]) == (0, None)
    for kind in ("mean", "blend"):
        assert rows[kind]["gain"] == pytest.approx(10 * np.log10(3), abs=1e-6)
        assert rows[kind]["established"] and rows[kind]["seconds_per_minute"] == 7
        assert (rows[kind]["tracks"], rows[kind]["artists"]) == (TRACKS, TRACKS)
    assert rows["best_single"]["seconds_per_minute"] == 1


def test_other_kinds_stand_beside_the_blend():
    found = equal_models()
    random = np.random.default_rng(1)
    good = 30 + random.normal(0, 0.5, TRACKS)
    bad = 15 + random.normal(0, 0.5, TRACKS)
    worst = Measured("worst", "stft_min", ("a", "b"))
    scores = [
        *scored(found, "ensemble:median", good),
        *scored(found, "ensemble:worst", bad),
    ]
    rows = rows_of(stem(found, scores, [MEDIAN, worst]), {"a": 1.0, "b": 2.0})
    assert rows["median"]["models"] == list(MODELS) and rows["worst"]["models"] == ["a", "b"]
    assert (rows["median"]["established"], rows["median"]["note"]) == (True, BETTER)
    assert (rows["worst"]["established"], rows["worst"]["note"]) == (False, WORSE)
    assert rows["median"]["seconds_per_minute"] is None  # the cost of c is not known
    assert rows["worst"]["seconds_per_minute"] == 3
    assert rows["median"]["score"] == pytest.approx(good.mean())


def test_tracks_on_which_an_ensemble_failed_do_not_count():
    found = equal_models()
    scores = scored(found, "ensemble:median", np.arange(TRACKS, dtype=float))[:5]
    row = rows_of(stem(found, scores, [MEDIAN]))["median"]
    assert (row["tracks"], row["artists"], row["score"]) == (5, 5, 2.0)


def test_with_one_artist_nothing_is_certain():
    found = equal_models()
    scores = scored(found, "ensemble:median", np.full(TRACKS, 40.0))
    rows = rows_of(stem(found, scores, [MEDIAN], ["one"] * TRACKS))
    assert "blend" not in rows
    assert (rows["median"]["established"], rows["median"]["gain_low"]) == (None, None)


def test_further_makers_add_rows():
    found = equal_models()
    extra = Compared("cross_stem", ("a",), np.full(TRACKS, 50.0), established=True)
    rows = rows_of(stem(found), makers=(linear, lambda _: [extra]))
    assert rows["cross_stem"]["established"] and list(rows)[-1] == "cross_stem"


def test_holm_in_closed_form():
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([])).tolist() == []
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_kinds_that_gain_nothing_are_seldom_certain():
    """Six kinds whose gains are noise, in 150 runs of eight artists: a certain gain in 2.5 % of them."""
    random = np.random.default_rng(2)
    found = forms(np.full((8, 2), 0.01))
    base = stem(found)
    false = 0
    for _ in range(150):
        shared = random.normal(0, 0.3, 8)
        tried = [
            Compared(f"k{n}", ("a",), base.fit.single.scores + shared + random.normal(0, 0.3, 8))
            for n in range(6)
        ]
        rows = kinds_rows(base, {}, makers=(lambda _, own=tried: own,))
        false += any(row["established"] for row in rows)
    assert false <= 9  # P(> 9) is 0.7 % at 2.5 %
