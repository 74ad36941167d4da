"""The main job on a real Ray: tables, estimates, failures, and its stages one by one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from polars.testing import assert_frame_equal

from stemwise.cli import main
from stemwise.evaluation import pipeline
from stemwise.storage import tables

from .. import in_this_process
from ..conftest import make_song
from .runs import MODELS, evaluate, scores

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("session_ray")]
Songs = Callable[..., Path]
# two workers would start two processes of models, each with seconds of imports
ONE = "cluster.actors=1"
VOLATILE = ["wall_s", "realtime_factor"]


@dataclass
class Run:
    """A finished run, to be read only."""

    root: Path
    output: Path
    printed: str


@pytest.fixture(scope="module")
def finished(session_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Evaluate two songs with two workers."""
    folder, printed = tmp_path_factory.mktemp("finished"), io.StringIO()
    for number in range(2):
        make_song(folder / "songs" / f"song-{number}", number)
    run = Run(folder / "songs", folder / "run", "")
    with redirect_stdout(printed):
        assert evaluate(run.root, run.output, MODELS, "cluster.actors=2") == 0
    run.printed = printed.getvalue()
    return run


def test_a_run_writes_every_table_and_the_report(finished: Run):
    output = finished.output
    for name in tables.ALWAYS:
        schema = tables.SCHEMAS[name]
        found = tables.read(output / "tables", name)
        assert found.columns == schema.names
        assert len(found) > 0
    table = scores(output)
    models = {"mixture", "band_split", "oracle_irm", "oracle", "recipe:deployable"}
    assert set(table["model"]) == models
    bass = table.filter(pl.col("stem") == "bass", pl.col("track_id") == "song-0")
    by_model = dict(zip(bass["model"], bass["snr"], strict=True))
    assert by_model["oracle_irm"] > by_model["band_split"] > by_model["mixture"]
    assert by_model["oracle"] == by_model["band_split"]  # the mask knows the truth: never chosen
    assert "Mean scores per model and stem" in finished.printed
    assert "worth deploying" in finished.printed
    written = {path.name for path in (output / "report").iterdir()}
    assert {
        "table1.csv",
        "table1.md",
        "winners.csv",
        "winners_per_track.csv",
        "report.md",
    } <= written
    assert json.loads((output / "config.json").read_text())["models"] == [
        "band_split",
        "oracle_irm",
    ]


def test_estimates_lie_in_the_store_as_the_table_says(finished: Run):
    estimates = tables.read(finished.output / "tables", "estimates")
    song = pl.col("track_id") == "song-0"
    estimates = estimates.filter(song, pl.col("model") == "band_split")
    stems = sorted((finished.root / "song-0").glob("*.wav"))
    mixture = sum(soundfile.read(path)[0] for path in stems)
    total = np.zeros_like(mixture)
    for row in estimates.iter_rows(named=True):
        signal, _ = soundfile.read(row["uri"])
        total += signal / row["gain"]
    # the bands of an equaliser add up to its input, up to 24-bit rounding
    assert np.abs(total - mixture).max() < 1e-5


@pytest.mark.usefixtures("without_ray")
def test_workers_of_ray_and_this_process_alone_give_the_same_rows(finished: Run, tmp_path: Path):
    """Up to rounding: BLAS has other threads there."""
    assert evaluate(finished.root, tmp_path / "run", MODELS) == 0
    costs = [*VOLATILE, "uri", "seconds_per_minute", "best_seconds_per_minute", "tenth_s"]
    for table in tables.ALWAYS:
        first, second = (
            tables.read(output / "tables", table).drop(costs, strict=False)
            for output in (finished.output, tmp_path / "run")
        )
        assert_frame_equal(first, second, abs_tol=1e-8)


def test_one_broken_track_fails_alone_and_is_tried_again(
    songs: Songs, tmp_path: Path, capsys, monkeypatch
):
    root, output = songs(2), tmp_path / "run"
    good = (root / "song-1" / "bass.wav").read_bytes()
    for stem in ("vocals", "drums", "bass", "other"):
        (root / "song-1" / f"{stem}.wav").write_text("this is not audio")
    assert evaluate(root, output, "models=[band_split]", ONE) == 3
    assert "song-1" in capsys.readouterr().out
    table = scores(output)
    failed = table.filter(pl.col("status") == "failed")
    assert set(failed["track_id"]) == {"song-1"}
    assert set(failed["stem"]) == {"bass", "vocals", "drums", "other"}
    assert failed["error"].is_not_null().all()
    assert set(table.filter(pl.col("status") == "ok")["track_id"]) == {"song-0"}
    assert len(tables.read(output / "tables", "tracks")) == 2
    (root / "song-1" / "bass.wav").write_bytes(good)
    monkeypatch.setattr(pipeline, "run", in_this_process.run)
    assert evaluate(root, output, "models=[band_split]") in (0, 3)
    mended = scores(output).filter(pl.col("track_id") == "song-1", pl.col("stem") == "bass")
    assert "ok" in set(mended["status"])


def test_a_model_that_cannot_load_fails_alone(songs: Songs, tmp_path: Path):
    checkpoint = tmp_path / "weights.th"
    checkpoint.write_bytes(b"<!DOCTYPE html><html>Not found</html>")
    bad = f"{{name: mine, base: demucs_package, checkpoint: {checkpoint}}}"
    output = tmp_path / "run"
    assert evaluate(songs(1), output, f"models=[band_split,{bad}]") == 3
    table = scores(output)
    assert set(table.filter(pl.col("model") == "mine")["status"]) == {"failed"}
    assert "HTML" in table.filter(pl.col("model") == "mine")["error"][0]
    assert "ok" in set(table.filter(pl.col("model") == "band_split")["status"])


def test_finished_estimates_are_measured_like_a_models(songs: Songs, tmp_path: Path, monkeypatch):
    root, output = songs(1), tmp_path / "run"
    estimate = root / "song-0" / "estimates" / "Other-Tool"
    estimate.mkdir(parents=True)
    samples, rate = soundfile.read(root / "song-0" / "bass.wav")
    soundfile.write(estimate / "bass.wav", 0.5 * samples, rate, subtype="FLOAT")
    assert evaluate(root, output, "models=files") == 0
    row = scores(output).filter(pl.col("model") == "file:Other-Tool").row(0, named=True)
    assert row["stem"] == "bass"
    assert row["snr"] == pytest.approx(20 * np.log10(2), abs=1e-5)
    assert row["gain_db"] == pytest.approx(-20 * np.log10(2), abs=1e-5)
    assert row["lag_samples"] == 0
    monkeypatch.setattr(pipeline, "run", in_this_process.run)
    assert evaluate(root, tmp_path / "named", "models=['file:Other-Tool',band_split]") == 0
    assert evaluate(root, tmp_path / "absent", "models=['file:Nobody',band_split]") == 3


def test_the_stages_alone_give_what_the_whole_job_gives(finished: Run, tmp_path: Path, capsys):
    root, output, store = finished.root, tmp_path / "stages", tmp_path / "store"
    given = ["dataset=folder", f"dataset.root={root}", MODELS, f"store={store}", ONE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "run", in_this_process.run)
        # nothing has been separated yet
        assert main(["measure", *given, f"output={output}"]) == 3
    assert "stemwise run-separate" in capsys.readouterr().out
    assert main(["run-separate", *given, f"output={output}"]) == 0
    # 3 bands, 4 masked stems, of two songs
    assert "14 estimates are in the store" in capsys.readouterr().out
    assert len(tables.read(output / "tables", "estimates")) == 14
    made = {path: path.stat().st_mtime_ns for path in store.glob("*/*/*.flac")}
    assert main(["measure", *given, f"output={output}"]) == 0
    assert {path: path.stat().st_mtime_ns for path in store.glob("*/*/*.flac")} == made
    assert scores(output).drop(VOLATILE).equals(scores(finished.output).drop(VOLATILE))
    for table in ("tracks", "measurements", "selections"):
        first, second = (tables.read(run / "tables", table) for run in (output, finished.output))
        assert first.equals(second)


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["cluster.actors=99"], "actors=99"),
        (["cluster.gpus_per_actor=1"], "GPU"),
        (["cluster.address=127.0.0.1:9"], "does not answer"),
    ],
)
def test_what_the_cluster_does_not_have_changes_nothing(
    songs: Songs, tmp_path: Path, capsys, monkeypatch, overrides, text
):
    if overrides[0].startswith("cluster.address"):
        monkeypatch.setattr("ray.is_initialized", lambda: False)
    assert evaluate(songs(1), tmp_path / "run", "models=[band_split]", *overrides) == 2
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error
    assert not (tmp_path / "run" / "tables").exists()
