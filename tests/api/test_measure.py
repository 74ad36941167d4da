"""Scores without a run: equal to a run's, and closed forms."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import stemwise
from stemwise.core.errors import AudioError, ConfigError
from stemwise.core.types import FILE_PREFIX

RATE = 44_100


def test_files_score_what_a_run_reports_of_them(songs_folder, run_folder):
    song = songs_folder / "song-1"
    references = {path.stem: path for path in song.glob("*.wav")}
    estimates = {
        folder.name: {path.stem: str(path) for path in folder.iterdir()}
        for folder in (song / "estimates").iterdir()
    }
    found = stemwise.measure(references, estimates).sort("model", "stem")
    run = stemwise.open_run(run_folder)
    rows = run.scores.filter(
        pl.col("track_id") == "song-1",
        pl.col("model").str.starts_with(FILE_PREFIX) | (pl.col("model") == "mixture"),
    ).with_columns(pl.col("model").str.strip_prefix(FILE_PREFIX))
    assert len(found) == 6
    # the run measured band_split beside them, so that sums round otherwise in the last digits
    same = rows.select(found.columns).sort("model", "stem")
    assert_frame_equal(found, same, rel_tol=1e-9, abs_tol=1e-9)


def test_closed_forms_of_one_stem(song):
    truth, noise = song["vocals"], song["bass"]
    noise = noise - truth * (np.vdot(truth, noise) / np.vdot(truth, truth))  # orthogonal
    noise *= np.sqrt(np.vdot(truth, truth) / np.vdot(noise, noise)) / 10
    models = {"good": truth + noise, "half": truth / 2, "silent": 0 * truth}
    found = stemwise.measure(truth, models, rate=RATE)
    assert found["model"].to_list() == ["good", "half", "silent"]
    by_model = dict(zip(found["model"], found.iter_rows(named=True), strict=True))
    assert by_model["good"]["snr"] == pytest.approx(20, abs=1e-3)
    assert by_model["half"]["snr"] == pytest.approx(20 * np.log10(2), abs=1e-6)
    assert by_model["half"]["gain_db"] == pytest.approx(-20 * np.log10(2), abs=1e-6)
    assert by_model["silent"]["status"] == "silent_estimate"
    assert by_model["silent"]["si_sdr"] is None


def test_an_estimate_that_is_late_is_told_and_not_shifted(song):
    truth = np.cumsum(np.random.default_rng(0).normal(0, 0.01, (2, RATE // 2)), axis=1)
    late = np.pad(truth, ((0, 0), (30, 0)))[:, : truth.shape[1]]
    (row,) = stemwise.measure(truth, late, rate=RATE).to_dicts()
    assert row["lag_samples"] == 30
    assert row["snr"] < row["bss_sdr"]


def test_stems_of_a_model_with_a_mixture(song):
    mixture = sum(song.values())
    stems = stemwise.Stems({s: 0.9 * a for s, a in song.items()}, RATE, "mine")
    found = stemwise.measure(song, stems, rate=RATE, mixture=mixture, metric="plain")
    assert found.filter(model="estimate")["snr"].to_list() == pytest.approx([20.0] * 4, abs=1e-4)
    assert found.filter(model="mixture")["stem"].sort().to_list() == sorted(song)
    assert "museval_sdr" not in found.columns


def test_further_metrics_are_asked_for(song):
    vocals = song["vocals"]
    found = stemwise.measure(vocals, vocals / 2, rate=RATE, metric={"extra": ["fullness"]})
    assert found["fullness"][0] < 100


def test_another_length_is_said(song):
    vocals = song["vocals"]
    with pytest.warns(UserWarning, match="9 samples shorter: padded"):
        stemwise.measure(vocals, vocals[:, 9:], rate=RATE)


@pytest.mark.parametrize(
    ("reference", "estimate", "options", "sentence"),
    [
        ("array", "array", {}, "rate= is not set.*reference of stem"),
        ("stems", "array", {"rate": RATE}, "by stem too"),
        ("stems", {"vocal": 0}, {"rate": RATE}, "did you mean vocals"),
        ("array", "array", {"rate": RATE, "metric": "plane"}, "did you mean plain"),
        ("array", "array", {"rate": RATE, "metric": {"extr": []}}, "did you mean extra"),
        ("array", "array", {"rate": RATE, "rule": "lienar"}, "lienar"),
        ("array", {"mixture": "array"}, {"rate": RATE}, "rename it"),
        ({}, "array", {"rate": RATE}, "There is no reference"),
    ],
)
def test_arguments_that_do_not_fit(reference, estimate, options, sentence, song):
    held = {"array": song["vocals"], "stems": song}

    def meant(value):
        return held[value] if isinstance(value, str) else value

    with pytest.raises(ConfigError, match=sentence):
        stemwise.measure(meant(reference), meant(estimate), **options)


def test_a_file_that_is_not_there_is_named(song):
    with pytest.raises(AudioError, match=r"nowhere\.wav does not exist"):
        stemwise.measure(song["vocals"], "nowhere.wav", rate=RATE)
