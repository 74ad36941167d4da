"""Ensembles of other kinds are measured as just another model, and fail as one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stemwise.core.errors import ModelError
from stemwise.evaluation.hierarchy import Provider
from stemwise.evaluation.measured import Measured
from stemwise.evaluation.outputs import Output
from stemwise.evaluation.rows import Origin
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.separation.ensembles.spec import parse
from stemwise.separation.recipe import Recipe

MEDIAN = Measured("median", "median", ("a", "b", "c"))
STFT = {"n_fft": 2048, "hop": 1024}


@pytest.fixture
def run(store):
    def evaluate(track, models, *ensembles, recipes=(), **metric):
        evaluator = TrackEvaluator(
            Zoo(list(models)), store, MetricSettings(**metric), recipes=recipes, ensembles=ensembles
        )
        result = evaluator(track)
        rows = {(row["model"], row["stem"]): row for row in result.tables["scores"]}
        assert len(rows) == len(result.tables["scores"])
        return result, rows

    return evaluate


def three(model, *gains, **broken):
    made = [model(name, {"vocals": gain})[0] for name, gain in zip("abc", gains, strict=True)]
    return [broken.get(one.name, one) for one in made]


def boom(chunks):
    raise RuntimeError("boom")


def test_the_median_of_three_models_scores_as_the_one_in_the_middle(song, model, run):
    """½ (v + d) of v: the residual is ½ (v − d), of half v's energy: 3.01 dB."""
    result, rows = run(song(), three(model, 0.1, 0.5, 3.0), MEDIAN)
    row = rows["ensemble:median", "vocals"]
    assert row["snr"] == pytest.approx(10 * math.log10(2), abs=1e-3)
    assert row["snr"] == pytest.approx(rows["b", "vocals"]["snr"], abs=1e-9)
    assert (row["status"], row["realtime_factor"], result.failures) == ("ok", None, 0)
    (signals,) = {
        tuple(r["signals"]) for r in result.tables["measurements"] if r["stem"] == "vocals"
    }
    assert signals == ("reference", "mixture", "a", "b", "c", "ensemble:median")
    (form,) = [row for row in result.tables["forms"] if row["stem"] == "vocals"]
    assert form["models"][-1] == "ensemble:median"
    (estimate,) = [r for r in result.tables["estimates"] if r["model"] == "ensemble:median"]
    assert (estimate["status"], estimate["uri"], estimate["stem"]) == ("ok", None, "vocals")


def test_an_ensemble_is_measured_as_a_recipe_of_it_is(song, model, run):
    """The recipe's samples are those of the served stem."""
    value = parse({"kind": "stft_max", "models": ["a", "b"]}, "here")
    track = song(
        {"vocals": np.random.default_rng(0).normal(0, 0.1, (2, 22_050)).astype(np.float32)}
    )
    models = [model("a", {"vocals": 0.5})[0], model("b", {"vocals": -0.7})[0]]
    made = Measured("m", "stft_max", ("a", "b"), value.settings)
    _, rows = run(track, models, made, recipes=[Recipe("r", {"vocals": value})])
    for column in ("snr", "si_sdr", "bss_sdr"):
        found, expected = (rows[n, "vocals"][column] for n in ("ensemble:m", "recipe:r"))
        assert found == pytest.approx(expected, abs=1e-9)


def test_a_model_that_fails_takes_its_ensembles_along_and_no_others(song, model, run):
    bad, _ = model("b", {"vocals": 1.0}, boom)
    pair = Measured("pair", "stft_max", ("a", "c"), STFT, every=True)
    result, rows = run(song(), three(model, 0.1, 0.5, 3.0, b=bad), MEDIAN, pair)
    failed = rows["ensemble:median", "vocals"]
    assert failed["status"] == "failed" and "needs vocals of 'b'" in failed["error"]
    assert rows["ensemble:pair", "vocals"]["status"] == "ok"
    assert result.failures == 1  # the model; what is made of it is no failure of its own


def test_all_models_that_fail_leave_failed_rows(song, model, run):
    bad = [model(name, {"vocals": 1.0}, boom)[0] for name in "abc"]
    _, rows = run(song(), bad, MEDIAN)
    assert rows["ensemble:median", "vocals"]["status"] == "failed"


def test_a_track_that_cannot_be_heard_fails_for_ensembles_too(song, model, run):
    track = song()
    track.mixture.path.write_bytes(b"no sound")
    _, rows = run(track, three(model, 0.1, 0.5, 3.0), MEDIAN)
    assert rows["ensemble:median", "vocals"]["status"] == "failed"


def test_stems_that_too_few_models_make_have_no_row(song, model, run):
    """All of the named models must make a stem; of a run's models, those that do, if they suffice."""
    models = [*three(model, 0.1, 0.5, 3.0), model("d", {"vocals": 0.4, "drums": 0.4})[0]]
    loose = Measured("loose", "median", ("a", "b", "c", "d"))
    strict = Measured("strict", "stft_min", ("a", "d"), STFT, every=True)
    some = Measured("some", "stft_min", ("a", "d"), STFT, stems=("drums",))
    _, rows = run(song(), models, loose, strict, some)
    assert {key for key in rows if key[0].startswith("ensemble:")} == {
        ("ensemble:loose", "vocals"),
        ("ensemble:strict", "vocals"),
    }


def test_a_model_that_makes_a_stem_in_parts_takes_no_part(song, signal, model, run):
    """Its sum is scored, but no recipe could run it: two models make other whole, one in parts."""
    track = song({"vocals": signal(50), "other": signal(100)})
    whole = [model(n, {"vocals": 0.0, "other": gain})[0] for n, gain in (("a", 0.2), ("b", 3))]
    parts, _ = model("c", {"vocals": 0.0, "guitar": 0.25, "other": 0.25})
    pair = Measured("pair", "stft_max", ("a", "b", "c"), STFT)
    _, rows = run(track, [*whole, parts], MEDIAN, pair)
    assert ("c", "other") in rows and ("ensemble:median", "other") not in rows
    assert rows["ensemble:pair", "other"]["snr"] == pytest.approx(rows["b", "other"]["snr"])


def test_museval_scores_an_ensemble_as_it_does_a_model(song, model, run):
    _, rows = run(song(), three(model, 0.1, 0.5, 3.0), MEDIAN, museval=True)
    found, expected = rows["ensemble:median", "vocals"], rows["b", "vocals"]
    assert found["museval_sdr"] == pytest.approx(expected["museval_sdr"], abs=1e-6)
    assert found["museval_sdr"] is not None


def test_without_ensembles_rows_stay_as_they_are(song, model, run):
    alone = run(song(), three(model, 0.1, 0.5, 3.0))[1]
    beside = run(song(), three(model, 0.1, 0.5, 3.0), MEDIAN)[1]
    for key, row in alone.items():
        for column in ("snr", "si_sdr", "bss_sdr", "gain_db"):
            assert row[column] == pytest.approx(beside[key][column], abs=1e-6)


def test_a_parent_of_level_2_may_be_an_ensemble(signal):
    """The median of ½, 1 and 9 times the drums is the drums."""
    median = parse({"kind": "median", "models": ["a", "b", "c"]}, "here")
    provider = Provider.of_recipe("mine", median)
    drums = signal(50)
    outputs = {
        name: Output(("drums",), Origin(name), lambda _, gain=gain: np.float32(gain) * drums)
        for name, gain in zip("abc", (0.5, 1.0, 9.0), strict=True)
    }
    assert provider.name == "recipe:mine"
    np.testing.assert_array_equal(provider.blend("drums", outputs, drums), drums)
    with pytest.raises(ModelError, match="no estimate of drums by 'c'"):
        provider.blend("drums", {name: outputs[name] for name in "ab"}, drums)
