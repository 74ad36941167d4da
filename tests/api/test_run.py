"""A finished run as frames, blends, figures and a page."""

from __future__ import annotations

import shutil

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

import stemwise
from stemwise.cli import main
from stemwise.core.errors import ConfigError, OutputError
from stemwise.storage import tables

VOCALS = {"file:hot": 0.25, "file:cold": 0.75}


@pytest.fixture(scope="module")
def run(run_folder):
    return stemwise.open_run(run_folder)


def test_tables_are_frames(run, run_folder):
    for frame, name in ((run.scores, "scores"), (run.leaderboard, "leaderboard")):
        assert frame.equals(tables.read(run_folder / "tables", name))
    assert run.ledger["level"].to_list()
    assert set(run.tables) >= {"tracks", "estimates", "measurements", "forms", "regret"}
    assert run.failures.is_empty()
    with pytest.raises(ConfigError, match="no table 'score': did you mean scores"):
        run.table("score")


def test_tables_describe_themselves(run, run_folder):
    told = run.describe("scores")
    assert told["column"].to_list() == run.scores.columns
    assert told.filter(column="snr")["unit"].item() == "dB"
    metadata = run.metadata("scores")
    assert metadata["stemwise.version"] == stemwise.__version__
    assert '"rule": "linear"' in metadata["stemwise.protocol"]
    file = run_folder / "tables" / "measurements" / "measurements.parquet"
    assert b"block_s" in pq.read_schema(file).metadata[b"stemwise.protocol"]


def test_a_planted_optimum_is_found_without_audio(run):
    best = run.blend({"vocals": VOCALS})
    assert best["track_id"].to_list() == ["song-0", "song-1"]
    assert best["snr"].min() > 100  # the truth, but for the 32 bits of the files
    for shift in (-0.1, 0.1):
        near = run.blend({"vocals": {"file:hot": 0.25 + shift, "file:cold": 0.75 - shift}})
        assert near["score"].max() < best["score"].min()


def test_a_blend_of_one_model_is_that_model(run):
    keys = ["track_id", "stem"]
    blended = run.blend({"vocals": {"file:hot": 1}, "bass": {"band_split": 1.0}}).sort(keys)
    names = {"vocals": "file:hot", "bass": "band_split"}
    own = run.scores.filter(pl.col("model") == pl.col("stem").replace_strict(names, default=None))
    for column in ("snr", "si_sdr", "bss_sdr", "si_sir", "si_sar", "score"):
        np.testing.assert_allclose(blended[column], own.sort(keys)[column], atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"vocal": VOCALS}, "no stem 'vocal': did you mean vocals"),
        ({"vocals": {"file:hod": 1}}, "did you mean file:hot"),
        ({"vocals": {}}, "vocals has no weights"),
        ({"vocals": {"file:hot": "1"}}, "is no number"),
        ({"vocals": {"file:hot": np.inf}}, "not finite"),
    ],
)
def test_weights_that_cannot_be_meant(run, weights, sentence):
    with pytest.raises(ConfigError, match=sentence):
        run.blend(weights)


def test_a_figure_shows_itself(run, tmp_path):
    assert run.figures
    figure = run.figure(run.figures[0])
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.save(tmp_path / "a.svg").read_text() == figure.svg
    with pytest.raises(ConfigError, match=f"did you mean {run.figures[0]}"):
        run.figure(run.figures[0] + "s")
    with pytest.raises(ConfigError, match=r"neither \.svg nor \.png"):
        figure.save(tmp_path / "a.pdf")


def test_a_run_shows_what_to_deploy(run, run_folder):
    text, page = repr(run), run._repr_html_()
    assert str(run_folder) in text
    assert "2 tracks, 3 models" in text  # not the mixture, the oracle and what was fitted
    assert "vocals" in text
    assert "<table>" in page
    assert run.recipe.name == "deployable"


def test_the_report_is_made_anew_with_another_rule(run_folder, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run_folder, folder)
    run = stemwise.open_run(folder)
    assert run.report() == folder / "report" / "index.html"
    before = run.scores
    page = run.report(selection="paper_naive", metric={"name": "plain"})
    assert page.is_file()
    assert not run.scores["score"].equals(before["score"])
    assert run.metadata("scores")["stemwise.protocol"].count("paper_naive") == 1
    assert set(run.table("selections")["rule"]) == {"paper_naive"}
    assert main(["report", f"output={folder}"]) == 0
    assert stemwise.open_run(folder).scores.equals(before)
    with pytest.raises(ConfigError, match="did you mean plain"):
        run.report(metric="plan")


def test_a_remote_run_is_fetched_when_needed(run, run_folder):
    import fsspec

    system = fsspec.filesystem("memory")
    system.put(str(run_folder), "/api/run", recursive=True)
    there = stemwise.open_run("memory://api/run")
    assert there.tables == run.tables
    assert there.scores.equals(run.scores)
    assert there.blend({"vocals": VOCALS}).equals(run.blend({"vocals": VOCALS}))
    assert there.figure(run.figures[0]).svg == run.figure(run.figures[0]).svg
    assert there.recipe == run.recipe
    assert "memory://" in repr(there)
    system.rm("/api", recursive=True)


@pytest.mark.parametrize("where", ["nowhere", "memory://nowhere/run"])
def test_no_run_is_said(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="holds no finished run"):
        stemwise.open_run(where)


def test_tables_join_in_pandas(run):
    pandas = pytest.importorskip(
        "pandas", reason="pandas is not installed: pip install -e '.[dev]'"
    )
    folder = run.path / "tables"
    scores, tracks, estimates = (
        pandas.read_parquet(folder / name / f"{name}.parquet")
        for name in ("scores", "tracks", "estimates")
    )
    keys = ["dataset", "track_id", "model", "parent", "parent_source", "stem"]
    joined = scores.merge(tracks, on=keys[:2], validate="many_to_one")
    assert len(joined) == len(scores)
    made = scores.merge(estimates, on=keys, validate="one_to_one")
    assert len(made) == len(estimates)


def test_tables_join_in_duckdb(run):
    duckdb = pytest.importorskip(
        "duckdb", reason="duckdb is not installed: pip install -e '.[dev]'"
    )
    folder = run.path / "tables"
    with duckdb.connect() as base:
        for name in ("scores", "tracks", "estimates"):
            base.execute(f"CREATE VIEW {name} AS FROM '{folder}/{name}/*.parquet'")
        (count,) = base.execute(
            "SELECT count(*) FROM scores JOIN tracks USING (dataset, track_id) JOIN estimates "
            "USING (dataset, track_id, model, parent, parent_source, stem)"
        ).fetchone()
        assert count == len(run.estimates)
        told = base.execute(
            f"SELECT decode(value) FROM parquet_kv_metadata('{folder}/scores/*.parquet') "
            "WHERE decode(key) = 'stemwise.table'"
        ).fetchone()
    assert told == ("scores",)
