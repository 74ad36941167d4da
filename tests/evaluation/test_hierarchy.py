"""Level 2: parents that are true or estimated, what is left of them, and what cannot be scored."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from stemwise.core.errors import ConfigError
from stemwise.datasets.moisesdb import MoisesDB
from stemwise.evaluation.hierarchy import HierarchySettings, Provider
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.separation.separator import Separator

ESTIMATE, REFERENCE = ("drums", "estimate"), ("drums", "reference")


@pytest.fixture
def drum_song(song, signal):
    """Vocals, and drums that are the sum of a kick and a snare of equal level."""

    def make(**more):
        kick, snare = signal(10), signal(20)
        stems = {"vocals": signal(50), "drums": kick + snare, "kick": kick, "snare": snare} | more
        return song(
            {stem: samples for stem, samples in stems.items() if samples is not None},
            mixture=signal(50) + kick + snare,
            partition=("vocals", "drums"),
        )

    return make


@pytest.fixture
def splitter(model):
    """Return a maker of level-2 models that give each sub-stem a share of the parent."""

    def make(name="splitter", gains=None, parent="drums", residual=None, function=None):
        gains = gains or {"kick": 0.5, "snare": 0.25}
        loaded, fake = model(name, gains, function)
        loaded.ready = replace(
            loaded.ready, spec=replace(loaded.ready.spec, parent=parent, residual=residual)
        )
        loaded.separator = Separator(fake, "cpu", residual=residual)
        return loaded

    return make


@pytest.fixture
def run(store):
    def evaluate(track, *models, hierarchy=None, measures=True, metric=None):
        evaluator = TrackEvaluator(
            Zoo(list(models)),
            store,
            metric or MetricSettings(),
            measures=measures,
            hierarchy=hierarchy,
        )
        return evaluator(track)

    return evaluate


def below(result):
    """Return the level-2 rows of `scores` by (parent source, model, stem); each must be there once."""
    rows = [row for row in result.tables["scores"] if row["parent"] != "mixture"]
    found = {(row["parent_source"], row["model"], row["stem"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_both_parents_are_taken_apart_and_scored_in_closed_form(drum_song, model, splitter, run):
    """Estimate ½(kick + snare) of the kick: the residual is ½(snare − kick), half the kick's energy.

    From drums estimated at half level it is ¼(kick + snare): residual ¾ kick and ¼ snare, 10/16.
    (The filter that makes them leaks a little, since chunks hold no whole periods.)"""
    half, _ = model("half", {"vocals": 1.0, "drums": 0.5}, _drums_at_half)
    result = run(drum_song(), half, splitter())
    assert result.failures == 0
    rows = below(result)
    assert set(rows) == {
        (source, name, stem)
        for source in ("estimate", "reference")
        for name in ("mixture", "splitter")
        for stem in ("kick", "snare")
    }
    true, estimated = (rows[source, "splitter", "kick"] for source in ("reference", "estimate"))
    assert true["snr"] == pytest.approx(10 * math.log10(2), abs=1e-3)
    assert estimated["snr"] == pytest.approx(10 * math.log10(16 / 10), abs=0.02)
    assert (true["parent"], true["parent_model"]) == ("drums", None)
    assert (estimated["parent"], estimated["parent_model"]) == ("drums", "half")
    # the floor is the parent, not the mixture: kick + snare against kick
    assert rows["reference", "mixture", "kick"]["snr"] == pytest.approx(0, abs=1e-3)
    expected = 10 * math.log10(1 / (0.25 + 0.25))
    assert rows["estimate", "mixture", "kick"]["snr"] == pytest.approx(expected, abs=0.02)


def _drums_at_half(chunks):
    """Return half of what lies below 35 periods per half second (70 Hz) as drums."""
    spectrum = torch.fft.rfft(chunks)
    frequencies = torch.fft.rfftfreq(chunks.shape[-1], 1 / 44_100)
    drums = torch.fft.irfft(spectrum * (frequencies < 70), chunks.shape[-1])
    return torch.stack([chunks - drums, 0.5 * drums], dim=1)


def test_a_residual_stem_is_what_the_model_leaves(drum_song, splitter, run, store):
    loaded = splitter(gains={"kick": 0.5}, residual="snare")
    result = run(drum_song(), loaded, hierarchy=HierarchySettings(sources=("reference",)))
    rows = below(result)
    assert rows["reference", "splitter", "snare"]["snr"] == pytest.approx(
        rows["reference", "splitter", "kick"]["snr"], abs=1e-3
    )
    (entry,) = {row["key"] for row in result.tables["estimates"]}
    made = store.get(entry)
    assert made.stems == ("kick", "snare")
    heard = made.read("kick") + made.read("snare")
    np.testing.assert_allclose(heard, 2 * made.read("kick"), atol=2e-7)


def test_rows_of_estimates_and_measurements_name_the_parent(drum_song, model, splitter, run):
    half, _ = model("half")
    result = run(drum_song(), half, splitter())
    for table in ("estimates", "measurements"):
        found = {(row["parent"], row["parent_source"]) for row in result.tables[table]}
        assert found == {("mixture", "mixture"), ESTIMATE, REFERENCE}
    signals = {
        tuple(row["signals"]) for row in result.tables["measurements"] if row["parent"] == "drums"
    }
    assert signals == {("reference", "mixture", "splitter")}


def test_a_recipe_may_provide_the_parent(drum_song, model, splitter, run):
    a, _ = model("a", {"vocals": 1.0, "drums": 1.0})
    b, _ = model("b", {"vocals": 1.0, "drums": -1.0})
    provider = Provider("recipe:mine", {"a": 0.75, "b": 0.25})
    hierarchy = HierarchySettings({"drums": provider}, ("estimate",))
    result = run(
        drum_song(), a, b, splitter(gains={"kick": 2.0, "snare": 2.0}), hierarchy=hierarchy
    )
    row = below(result)["estimate", "splitter", "kick"]
    # 2 · (0.75 − 0.25) = 1 times the mixture: vocals and snare are the error, twice the kick's energy
    assert row["snr"] == pytest.approx(-10 * math.log10(2), abs=1e-3)
    assert row["parent_model"] == "recipe:mine"


def test_the_first_level_one_model_that_makes_the_parent_provides_it(
    drum_song, model, splitter, run
):
    voice, _ = model("voice", {"vocals": 1.0})
    first, _ = model("first")
    second, _ = model("second")
    rows = below(run(drum_song(), splitter(), voice, first, second))
    assert {row["parent_model"] for (source, *_), row in rows.items() if source == "estimate"} == {
        "first"
    }


def test_without_an_estimate_only_the_true_parent_is_taken_apart(drum_song, model, splitter, run):
    voice, _ = model("voice", {"vocals": 1.0})
    rows = below(run(drum_song(), voice, splitter()))
    assert {source for source, *_ in rows} == {"reference"}


def test_a_provider_that_fails_on_the_track_fails_what_hangs_on_it(drum_song, model, splitter, run):
    def broken(chunks):
        raise RuntimeError("out of memory")

    bad, _ = model("bad", function=broken)
    result = run(drum_song(), bad, splitter())
    rows = below(result)
    assert rows["reference", "splitter", "kick"]["status"] == "ok"
    failed = rows["estimate", "splitter", "kick"]
    assert failed["status"] == "failed" and "drums" in failed["error"] and "bad" in failed["error"]
    assert result.failures == 2


def test_a_level_two_model_that_fails_fails_alone(drum_song, model, splitter, run):
    def broken(chunks):
        raise RuntimeError("boom")

    half, _ = model("half")
    result = run(drum_song(), half, splitter("good"), splitter("bad", function=broken))
    rows = below(result)
    for source in ("estimate", "reference"):
        assert rows[source, "good", "kick"]["status"] == "ok"
        assert rows[source, "bad", "kick"]["error"] == "RuntimeError: boom"
    assert result.failures == 2


def test_nothing_is_separated_that_could_not_be_scored(song, signal, model, splitter, run):
    half, _ = model("half")
    loaded = splitter()
    track = song({"vocals": signal(50), "drums": signal(10)})
    result = run(track, half, loaded)
    assert {row["status"] for row in below(result).values()} == {"missing_reference"}
    assert loaded.separator.model.calls == 0 and result.failures == 0
    whole = run(track, half, loaded, measures=False)
    made = {(row["parent"], row["parent_source"]) for row in whole.tables["estimates"]}
    assert made == {("mixture", "mixture"), ESTIMATE, REFERENCE}


def test_ambiguous_sub_stems_are_said_to_be(song, signal, model, splitter, run):
    track = song(
        {"drums": signal(10) + signal(20), "kick": signal(10), "snare": signal(20)},
        partition=("drums",),
        statuses={"kick": "ambiguous_reference", "snare": "ambiguous_reference"},
    )
    loaded = splitter()
    rows = below(run(track, loaded))
    assert {row["status"] for row in rows.values()} == {"ambiguous_reference"}
    assert loaded.separator.model.calls == 0


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("strict", {"kick": "ambiguous_reference", "cymbals": "missing_reference"}),
        ("close_mics", {"kick": 10 * math.log10(1 / 1.25), "cymbals": "missing_reference"}),
        (
            "overheads_as_cymbals",
            {"kick": 10 * math.log10(1 / 1.25), "cymbals": 10 * math.log10(1.25)},
        ),
    ],
)
def test_what_counts_as_a_part_of_moisesdbs_drums_decides_what_is_scored(
    tmp_path, signal, splitter, run, rule, expected
):
    """Kick k and overheads o = k/2 (the kick as they hear it) + c, of equal levels |k| = |c|.

    The model gives all of the drums 3k/2 + c as the kick: its error is k/2 + c, of which |.|² = 1.25.
    As cymbals it gives 3k/2 + c too, where overheads are k/2 + c: error k, |o|² = 1.25.
    """
    kick, cymbals = signal(10), signal(20)
    folder = tmp_path / "moisesdb_v0.1" / "song"
    (folder / "drums").mkdir(parents=True)
    for name, samples in {"kick_drum": kick, "overheads": kick / 2 + cymbals}.items():
        soundfile.write(folder / "drums" / f"{name}.wav", samples.T, 44_100, subtype="FLOAT")
    listed = [
        {"id": kind, "trackType": kind, "extension": "wav", "has_bleed": False}
        for kind in ("kick_drum", "overheads")
    ]
    stems = [{"id": "d", "stemName": "drums", "tracks": listed}]
    (folder / "data.json").write_text(json.dumps({"song": "s", "artist": "a", "stems": stems}))
    (track,) = MoisesDB(root=tmp_path, drum_parts=rule).tracks()
    result = run(track, splitter(gains={"kick": 1.0, "cymbals": 1.0}))
    assert result.tables["tracks"][0]["drum_parts"] == rule
    rows = below(result)
    for stem, value in expected.items():
        row = rows["reference", "splitter", stem]
        if isinstance(value, str):
            assert (row["status"], row.get("snr")) == (value, None)
        else:
            assert row["status"] == "ok" and row["snr"] == pytest.approx(value, abs=1e-3)


def test_a_recording_of_drums_alone_is_its_own_true_parent(song, signal, splitter, run):
    track = song({"kick": signal(10), "snare": signal(20)})
    row = below(run(track, splitter()))["reference", "splitter", "kick"]
    assert row["snr"] == pytest.approx(10 * math.log10(2), abs=1e-3)


def test_a_song_without_its_parent_says_so(song, signal, splitter, run):
    track = song(
        {"vocals": signal(50), "kick": signal(10), "snare": signal(20)},
        partition=("vocals", "kick", "snare"),
    )
    rows = below(run(track, splitter()))
    assert {row["status"] for row in rows.values()} == {"missing_reference"}


def test_a_track_that_cannot_be_heard_fails_on_both_levels(drum_song, model, splitter, run):
    half, _ = model("half")
    track = drum_song()
    track.mixture.path.write_bytes(b"no sound")
    result = run(track, half, splitter())
    assert {row["status"] for row in result.tables["scores"]} == {"failed"}
    assert {key[0] for key in below(result)} == {"estimate", "reference"}


def test_museval_is_added_to_sub_stems_too(drum_song, splitter, run, monkeypatch):
    from stemwise.evaluation import level

    heard = []

    def scores(references, estimates, mixture):
        heard.append(mixture)
        return {stem: {"museval_sdr": 3.0} for stem in references}

    monkeypatch.setattr(level, "load_engine", lambda *_: scores)
    result = run(
        drum_song(),
        splitter(),
        hierarchy=HierarchySettings(sources=("reference",)),
        metric=MetricSettings(museval=True),
    )
    row = below(result)["reference", "splitter", "kick"]
    assert row["museval_sdr"] == 3.0
    assert len(heard) == 1 and np.abs(heard[0]).max() < 0.6  # the drums, not the mixture


@pytest.mark.parametrize("sources", [(), ("truth",), ("estimate", "mixture")])
def test_sources_that_there_are_not_are_refused(sources):
    with pytest.raises(ConfigError, match="estimate"):
        HierarchySettings(sources=sources)
