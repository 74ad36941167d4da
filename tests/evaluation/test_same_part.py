"""Separators of one part meet in one row, whoever makes it whole, in parts, or left files of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from stemwise.core.types import Source
from stemwise.evaluation.hierarchy import HierarchySettings
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.separation.separator import Separator

KIT = {"kick": 10, "snare": 20, "hihat": 200, "cymbals": 300}


@pytest.fixture
def drummer(model):
    """Return a maker of models that take drums apart."""

    def make(name, gains):
        loaded, fake = model(name, gains)
        loaded.ready = replace(loaded.ready, spec=replace(loaded.ready.spec, parent="drums"))
        loaded.separator = Separator(fake, "cpu")
        return loaded

    return make


@pytest.fixture
def clip(song, signal, tmp_path):
    """A recording of drums alone, with estimates by other tools of all its parts: half of the truth."""
    track = song({stem: signal(periods) for stem, periods in KIT.items()})
    files = {}
    for stem, periods in KIT.items():
        path = tmp_path / "estimates" / "tool" / f"{stem}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, (0.5 * signal(periods)).T, 44_100, subtype="FLOAT")
        files[stem] = Source(path)
    return replace(track, estimates={"tool": files})


@pytest.fixture
def run(store):
    def evaluate(track, *models, files=None, **more):
        made = TrackEvaluator(Zoo(list(models)), store, MetricSettings(), files, **more)
        return made(track).tables

    return evaluate


def by_key(tables):
    """Return (parent, source, stem) → model → row, of those that were scored."""
    found = {}
    for row in tables["scores"]:
        if row["status"] == "ok":
            key = (row["parent"], row["parent_source"], row["stem"])
            assert row["model"] not in found.setdefault(key, {})
            found[key][row["model"]] = row
    return found


def test_finished_files_meet_the_models_that_take_drums_apart(clip, drummer, run):
    """kick of a tool and kick of a model, on the same clip against the same truth: one stem."""
    found = by_key(run(clip, drummer("splitter", {"kick": 0.5, "snare": 0.5})))
    kick = found["drums", "reference", "kick"]
    assert set(kick) == {"mixture", "splitter", "file:tool"}
    assert kick["file:tool"]["snr"] == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert not [key for key in found if key[0] == "mixture"]
    rows = run(clip, drummer("splitter", {"kick": 0.5}))["estimates"]
    assert {row["parent"] for row in rows} == {"drums"}


def test_signals_of_both_are_measured_together(clip, drummer, run):
    tables = run(clip, drummer("splitter", {"kick": 0.5}))
    signals = {tuple(r["signals"]) for r in tables["measurements"] if r["stem"] == "kick"}
    assert signals == {("reference", "mixture", "splitter", "file:tool")}


def test_four_parts_and_five_meet_in_the_sum(clip, drummer, run):
    """One makes cymbals with the hi-hat in them, the other both: all are scored on the sum."""
    found = by_key(run(clip, drummer("four", {"kick": 0.5, "cymbals": 0.5})))
    whole = found["drums", "reference", "hihat+cymbals"]
    assert set(whole) == {"mixture", "four", "file:tool"}
    assert whole["file:tool"]["snr"] == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert set(found["drums", "reference", "hihat"]) == {"mixture", "file:tool"}


def test_files_alone_are_parts_of_what_was_recorded(clip, run):
    found = by_key(run(clip))
    assert set(found) == {("mixture", "mixture", stem) for stem in KIT}
    assert set(found["mixture", "mixture", "kick"]) == {"mixture", "file:tool"}


def test_without_true_parents_files_stay_where_they_are(clip, drummer, run):
    settings = HierarchySettings(sources=("estimate",))
    found = by_key(run(clip, drummer("splitter", {"kick": 0.5}), hierarchy=settings))
    assert ("mixture", "mixture", "kick") in found


def test_a_clip_that_cannot_be_heard_fails_for_files_too(clip, drummer, run, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no audio")
    tables = run(replace(clip, mixture=Source(broken)), drummer("splitter", {"kick": 0.5}))
    failed = {(r["model"], r["parent"], r["stem"]) for r in tables["scores"]}
    assert ("file:tool", "drums", "kick") in failed and ("splitter", "drums", "kick") in failed


def test_six_stems_are_scored_on_the_sum_that_four_make(song, signal, model, run):
    periods = {"vocals": 50, "drums": 10, "guitar": 90, "other": 70}
    track = song({stem: signal(p) for stem, p in periods.items()}, partition=tuple(periods))
    four, _ = model("four", {"vocals": 0.1, "drums": 0.1, "other": 0.1})
    six, _ = model("six", {"vocals": 0.1, "drums": 0.1, "guitar": 0.05, "other": 0.05})
    two, _ = model("two", {"vocals": 0.1, "instrumental": 0.1})
    found = by_key(run(track, six, four, two))
    rest = found["mixture", "mixture", "guitar+other"]
    assert list(rest) == ["mixture", "six", "four"]
    assert rest["six"]["snr"] == pytest.approx(rest["four"]["snr"], abs=1e-4)
    whole = found["mixture", "mixture", "instrumental"]
    assert list(whole) == ["mixture", "six", "four", "two"]
    # 0.05 + 0.05 + 0.1 and 0.1 + 0.1 of the mixture
    assert whole["six"]["snr"] == pytest.approx(whole["four"]["snr"], abs=1e-4)
    assert set(found["mixture", "mixture", "other"]) == {"mixture", "six"}


def test_a_sum_that_no_model_makes_whole_is_no_row(song, signal, model, run):
    track = song({"vocals": signal(50), "drums": signal(10), "other": signal(70)})
    three, _ = model("three", {"vocals": 0.1, "drums": 0.1, "other": 0.1})
    stems = {key[2] for key in by_key(run(track, three))}
    assert stems == {"vocals", "drums", "other"}


def test_museval_scores_a_sum_in_place_of_its_parts(song, signal, model, store, monkeypatch):
    from stemwise.evaluation import level

    asked = []

    def scores(references, estimates, mixture):
        asked.append(tuple(references))
        return {stem: {"museval_sdr": float(len(asked))} for stem in references}

    monkeypatch.setattr(level, "load_engine", lambda *_: scores)
    stems = {"vocals": 50, "drums": 10, "other": 70}
    track = song({stem: signal(periods) for stem, periods in stems.items()})
    three, _ = model("three", {"vocals": 0.1, "drums": 0.1, "other": 0.1})
    two, _ = model("two", {"vocals": 0.1, "instrumental": 0.1})
    metric = MetricSettings(museval=True)
    tables = TrackEvaluator(Zoo([three, two]), store, metric)(track).tables
    assert sorted(asked) == sorted(
        [("vocals", "drums", "other"), ("vocals", "instrumental"), ("vocals", "instrumental")]
    )
    rows = {(r["model"], r["stem"]): r for r in tables["scores"] if r["model"] != "mixture"}
    assert all(row["museval_sdr"] is not None for row in rows.values())
    assert rows["three", "vocals"]["museval_sdr"] == rows["three", "other"]["museval_sdr"]
