"""`ensembles=`: which ensembles a run measures beside its models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stemwise.core.errors import ConfigError
from stemwise.core.types import Source, Track
from stemwise.evaluation.hierarchy import HierarchySettings
from stemwise.evaluation.measured import Measured
from stemwise.evaluation.settings import MetricSettings
from stemwise.jobs.run_ensembles import chosen, measured
from stemwise.jobs.work import fingerprints
from stemwise.models.overlap import twin
from stemwise.models.registry import get
from stemwise.models.spec import ModelSpec
from stemwise.separation.ensembles.kinds import get_kind, kinds

BANDS = {"kind": "bands", "edges_hz": [900], "weights": {"a": [1, 0], "b": [0, 1]}}


def spec(name, *stems, parent="mixture", **facts):
    return ModelSpec(name, "a.test", "a test", stems=stems, parent=parent, **facts)


SPECS = [
    spec("a", "vocals", "drums"),
    spec("b", "vocals", "drums"),
    spec("c", "vocals"),
    spec("k", "kick", "snare", parent="drums"),
]


def of(*listed, specs=SPECS, files=(), tracks=()):
    return measured(listed, specs, files, list(tracks))


def test_nothing_is_measured_unless_asked_for():
    assert chosen(None, ("a",)) == chosen(None, "paper") == chosen(("none",), "demo") == ()
    assert chosen(None, "demo") == ("all",)
    assert chosen(("median",), "demo") == ("median",)
    assert of() == []


def test_a_kind_by_name_is_of_all_models():
    (found,) = of("median")
    assert found == Measured("median", "median", ("a", "b", "c", "k"))
    assert found.of("vocals", ["a", "b", "c"]).models == ("a", "b", "c")
    assert found.of("drums", ["a", "b"]) is None


def test_all_is_every_kind_that_suits_the_run():
    names = [one.name for one in of("all")]
    assert names == [name for name in kinds() if "weights" not in get_kind(name).defaults]
    pairs = {one.name for one in of("all", specs=SPECS[:2])}
    assert pairs == {name for name in names if get_kind(name).least == 2}
    assert of("all", specs=SPECS[:1]) == []


def test_a_mapping_names_its_models_stems_and_settings():
    item = {
        "name": "mine",
        "kind": "stft_min",
        "models": ["b", "a"],
        "stems": ["drums"],
        "hop": 512,
    }
    (found, bands) = of(item, BANDS)
    expected = {"n_fft": 2048, "hop": 512}
    assert found == Measured("mine", "stft_min", ("b", "a"), expected, True, ("drums",))
    assert (bands.name, bands.models, bands.every) == ("bands", ("a", "b"), True)
    (over_all,) = of({"name": "wide", "kind": "stft_min", "n_fft": 4096})
    assert (over_all.models, over_all.settings["n_fft"]) == (("a", "b", "c", "k"), 4096)


def test_reference_lines_and_fast_twins_take_no_part():
    model = get("scnet")
    fast = twin(model)
    specs = [model, fast, spec("b", "vocals"), spec("ideal", "vocals", selectable=False)]
    assert of("stft_max", specs=specs)[0].models == ("scnet", "b")
    assert of("stft_max", specs=specs[1:])[0].models == (fast.name, "b")


def test_estimates_of_other_tools_take_part(tmp_path):
    tracks = [Track("d", "t", "T", ("vocals",), {}, estimates={"X": {"vocals": Source(tmp_path)}})]
    assert of("median", specs=SPECS[:2], files=None, tracks=tracks)[0].models == (
        "a",
        "b",
        "file:X",
    )
    assert of("median", specs=SPECS[:2], files=("Y",))[0].models == ("a", "b", "file:Y")


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        (("medain",), "did you mean median?"),
        (("median", "median"), "two called 'median'"),
        (("bands",), "bands needs edges_hz"),
        (({"name": "x"},), "a mapping needs kind"),
        (({"kind": "median", "models": ["a", "b"]},), "needs 3 models or more"),
        (({"kind": "median", "models": ["a", "b", "z"]},), "'z' is no model of this run"),
        (({"kind": "stft_max", "nfft": 1},), "did you mean n_fft?"),
        (({"kind": "stft_max", "n_fft": 100},), "must be a multiple"),
        (({"kind": "stft_max", "name": "a b"},), "short name"),
        (({"kind": "stft_max", "stems": "drums"},), "stems must be a list"),
        (
            ({"kind": "stft_max", "models": ["c", "k"]},),
            "'c' makes vocals of the mixture and 'k' kick, snare of the drums: name models that make",
        ),
    ],
)
def test_one_sentence_for_what_cannot_be_measured(listed, says):
    with pytest.raises(ConfigError, match=says):
        of(*listed)


def test_too_few_models_are_refused_where_they_were_asked_for():
    with pytest.raises(ConfigError, match="median needs 3 models of one stem"):
        of("median", specs=SPECS[:2])
    with pytest.raises(ConfigError, match="'all' beside others"):
        chosen(("all", "median"), "demo")


def test_a_track_is_measured_again_only_where_ensembles_change():
    track = Track("d", "t", "T", ("vocals",), {})
    rest = [track], [], (), MetricSettings(), HierarchySettings(), []
    before, none = fingerprints(*rest), fingerprints(*rest, ensembles=())
    other = Measured("x", "stft_max", ("a", "b"), {"n_fft": 2048, "hop": 1024})
    assert before == none != fingerprints(*rest, ensembles=[other])
    changed = replace(other, settings={"n_fft": 4096, "hop": 1024})
    assert fingerprints(*rest, ensembles=[other]) != fingerprints(*rest, ensembles=[changed])
