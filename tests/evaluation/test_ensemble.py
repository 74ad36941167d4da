"""A recipe is measured as just another model: what its blend's audio would score."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.separation.recipe import Recipe


@pytest.fixture
def run(store):
    def evaluate(track, models, *recipes):
        evaluator = TrackEvaluator(Zoo(list(models)), store, MetricSettings(), recipes=recipes)
        result = evaluator(track)
        rows = {(row["model"], row["stem"]): row for row in result.tables["scores"]}
        assert len(rows) == len(result.tables["scores"])
        return result, rows

    return evaluate


def test_a_blend_of_two_models_scores_as_its_audio(song, model, run):
    """0.5 · (v + d) and 1.5 · (v + d), weighted 1 and −0.5: −0.25 (v + d). The residual of v is
    1.25 v + 0.25 d, of energy 1.625 e."""
    a, _ = model("a", {"vocals": 0.5, "drums": 0.0})
    b, _ = model("b", {"vocals": 1.5, "drums": 0.0})
    recipe = Recipe("mine", {"vocals": {"a": 1.0, "b": -0.5}})
    result, rows = run(song(), [a, b], recipe)
    assert result.failures == 0
    row = rows["recipe:mine", "vocals"]
    assert row["snr"] == pytest.approx(-10 * math.log10(1.625), abs=1e-3)
    assert (row["status"], row["parent"]) == ("ok", "mixture")
    signals = {tuple(r["signals"]) for r in result.tables["measurements"] if r["stem"] == "vocals"}
    assert signals == {("reference", "mixture", "a", "b", "recipe:mine")}


def test_the_remainder_is_a_stem_of_the_recipe(song, signal, model, run):
    """The drums are what half the mixture leaves: ½ (v + d), 3.01 dB of the drums."""
    a, _ = model("a", {"vocals": 0.5})
    recipe = Recipe("mine", {"vocals": {"a": 1.0}}, remainder="drums")
    _, rows = run(song(), [a], recipe)
    assert rows["recipe:mine", "drums"]["snr"] == pytest.approx(10 * math.log10(2), abs=1e-3)


def test_a_model_that_fails_takes_its_recipes_along_and_no_others(song, model, run):
    def broken(chunks):
        raise RuntimeError("boom")

    good, _ = model("good")
    bad, _ = model("bad", function=broken)
    result, rows = run(
        song(),
        [good, bad],
        Recipe("both", {"vocals": {"good": 0.5, "bad": 0.5}}),
        Recipe("one", {"vocals": {"good": 1.0}}),
    )
    assert rows["recipe:one", "vocals"]["snr"] == rows["good", "vocals"]["snr"]
    failed = rows["recipe:both", "vocals"]
    assert failed["status"] == "failed" and "bad" in failed["error"]
    assert result.failures == 2


def test_a_track_that_cannot_be_heard_fails_for_recipes_too(song, model, run):
    good, _ = model("good")
    track = song()
    track.mixture.path.write_bytes(b"no sound")
    _, rows = run(track, [good], Recipe("one", {"vocals": {"good": 1.0}}))
    assert rows["recipe:one", "vocals"]["status"] == "failed"


def test_the_blend_does_not_change_the_audio_it_is_made_of(song, model, run):
    good, _ = model("good")
    recipe = Recipe("one", {"vocals": {"good": 1.0}}, remainder="rest")
    first = run(song(), [good], recipe)[1]
    again = run(song(), [good], recipe, Recipe("two", {"vocals": {"good": 2.0}}))[1]
    assert np.isclose(first["good", "vocals"]["snr"], again["good", "vocals"]["snr"])
    assert first["recipe:one", "vocals"]["snr"] == again["recipe:one", "vocals"]["snr"]
