"""The main job around its songs: resuming, settings, sentences, exit codes (on Ray: the next file)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml
from filelock import FileLock

from stemwise.cli import main
from stemwise.evaluation import pipeline
from stemwise.selection import form_table
from stemwise.storage import tables

from .. import in_this_process
from ..conftest import make_song
from .runs import MODELS, evaluate, scores

pytestmark = pytest.mark.usefixtures("without_ray")
Songs = Callable[..., Path]


@dataclass
class Run:
    """A finished run, to be read or copied."""

    root: Path
    output: Path

    def copied(self, folder: Path) -> Path:
        """Copy its output and return the copy, of which a test may do what it likes."""
        return Path(shutil.copytree(self.output, folder / "run"))


def finished_run(folder: Path, models: str) -> Run:
    for number in range(2):
        make_song(folder / "songs" / f"song-{number}", number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "run", in_this_process.run)
        assert evaluate(folder / "songs", folder / "run", models) == 0
    return Run(folder / "songs", folder / "run")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two songs, one model and one that knows the truth."""
    return finished_run(tmp_path_factory.mktemp("finished"), MODELS)


@pytest.fixture(scope="module")
def with_one_model(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finished_run(tmp_path_factory.mktemp("one-model"), "models=[band_split]")


def no_work(*_: object) -> None:
    raise AssertionError("the pipeline was started although nothing was left to do")


def test_a_finished_run_is_not_done_again(finished: Run, tmp_path: Path, monkeypatch):
    root, output = finished.root, finished.copied(tmp_path)
    first = scores(output)
    monkeypatch.setattr(pipeline, "run", no_work)
    assert evaluate(root, output, MODELS) == 0
    assert scores(output).equals(first)
    # another protocol is arithmetic on what was measured
    assert evaluate(root, output, MODELS, "metric=plain", "selection=paper_guarded") == 0
    assert scores(output)["paper_sdr"].equals(scores(output)["si_sdr"])


def test_an_added_model_does_not_separate_again_with_the_others(
    with_one_model: Run, tmp_path: Path
):
    root, output = with_one_model.root, with_one_model.copied(tmp_path)
    flac = next((output / "store").glob("*/*/bass.flac"))
    before = flac.stat().st_mtime_ns
    evaluate(root, output, MODELS)
    assert flac.stat().st_mtime_ns == before
    assert set(scores(output)["model"]) >= {"band_split", "oracle_irm"}


def test_a_changed_file_is_evaluated_again(with_one_model: Run, tmp_path: Path):
    root = Path(shutil.copytree(with_one_model.root, tmp_path / "songs"))
    output = with_one_model.copied(tmp_path)
    before = scores(output)
    shutil.copy(root / "song-0" / "vocals.wav", root / "song-1" / "vocals.wav")
    evaluate(root, output, "models=[band_split]")
    after = scores(output)
    untouched = pl.col("track_id") == "song-0"
    assert after.filter(untouched).equals(before.filter(untouched))
    assert not after.filter(~untouched)["snr"].equals(before.filter(~untouched)["snr"])


def test_a_second_run_on_the_same_folder_is_refused(songs: Songs, tmp_path: Path, capsys):
    output = tmp_path / "run"
    output.mkdir()
    with FileLock(output / ".lock"):
        assert evaluate(songs(1), output, MODELS) == 1
    assert "Another run is writing" in capsys.readouterr().err


def test_report_applies_another_rule_to_a_finished_run(finished: Run, tmp_path: Path):
    output = finished.copied(tmp_path)
    assert main(["report", f"output={output}", "selection=paper_naive", "metric=plain"]) == 0
    assert set(tables.read(output / "tables", "selections")["rule"]) == {"paper_naive"}
    assert main(["report", f"output={tmp_path / 'nothing'}"]) == 1


@pytest.mark.parametrize(
    ("overrides", "code", "text"),
    [
        (["models=[nonsense]"], 2, "no model 'nonsense'"),
        (["models=[]"], 2, "empty"),
        (["models=[band_split,band_split]"], 2, "twice"),
        (["models=[htdemucs_6s]"], 1, "htdemucs_6s"),
        (["metric.paper_sdr=loudness"], 2, "loudness"),
        (["metric.paper_sdr=museval_sdr"], 2, "metric.museval=true"),
        (["metric.engine=matlab"], 2, "torch, museval"),
        (["metric.extra=[loudness]"], 2, "'loudness'"),
        (["metric.extra=l1_freq"], 2, "a list of names"),
        (["selection.rule=best"], 2, "best"),
        (["selection.draws=0"], 2, "draws"),
        (["device=cuda", "models=[band_split]"], 2, "cuda"),
        (["no_such_key=1"], 2, "no_such_key"),
        (["tracks=[nobody]"], 2, "nobody"),
        (["dataset._target_=os.system"], 2, "stemwise.datasets"),
    ],
)
def test_bad_settings_are_one_sentence_and_an_exit_code(
    songs: Songs, tmp_path: Path, capsys, monkeypatch, overrides, code, text
):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # offline: a port where nobody listens
    assert evaluate(songs(1), tmp_path / "run", *overrides) == code
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error


def test_an_output_that_cannot_be_written_is_named(songs: Songs, tmp_path: Path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert evaluate(songs(1), tmp_path / "file" / "run", MODELS) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_an_empty_dataset_and_a_missing_root_are_named(tmp_path: Path, capsys):
    (tmp_path / "empty").mkdir()
    assert evaluate(tmp_path / "empty", tmp_path / "run", MODELS) == 2
    assert evaluate(tmp_path / "absent", tmp_path / "run", MODELS) == 2
    assert main(["evaluate", "dataset=folder", f"output={tmp_path / 'run'}"]) == 2
    error = capsys.readouterr().err
    assert "dataset.root" in error
    assert str(tmp_path / "absent") in error


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["tracks=0"], "tracks=0"),
        (["tracks=-1"], "tracks=-1"),
        (["tracks=1.5"], "tracks=1.5"),
        (["tracks=[]"], "tracks=[]"),
        (["output="], "output= is empty"),
        (["models=files"], "estimates/<tool>"),
        (["models=[file:]"], "file:NAME"),
        (["models=null"], "models=None is empty"),
        (["metric.block_s=nan"], "metric.block_s=nan"),
        (["metric.block_s=abc"], "metric.block_s=abc"),
        (["metric.silence_dbfs=x"], "metric.silence_dbfs=x"),
        (["selection.seed=abc"], "selection.seed=abc"),
        (["cluster.memory_per_actor_gb=x"], "memory_per_actor_gb=x"),
        (["models=[{name: mine, base: demucs_package}]"], "needs a file"),
    ],
)
def test_settings_that_cannot_be_meant_change_nothing(
    songs: Songs, tmp_path: Path, capsys, overrides, text
):
    root, output = songs(1), tmp_path / "run"
    given = [item for item in ("models=[band_split]",) if not overrides[0].startswith("models")]
    assert evaluate(root, output, *given, *overrides) == 2
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error
    assert not (output / "tables").exists()


def test_a_store_that_cannot_be_written_is_named_before_any_work(songs: Songs, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert evaluate(songs(1), tmp_path / "run", MODELS, f"store={tmp_path / 'file' / 's'}") == 1
    assert "estimate store" in capsys.readouterr().err


def test_a_recording_that_is_left_out_is_said_on_screen_and_in_the_report(
    songs: Songs, tmp_path: Path, capsys
):
    root, output = songs(1), tmp_path / "run"
    bass = root / "song-0" / "bass.wav"
    bass.write_bytes(bass.read_bytes()[:2000])
    assert evaluate(root, output, "models=[band_split]") == 0
    assert "bass.wav is left out" in capsys.readouterr().out
    assert "bass.wav is left out" in (output / "report" / "report.md").read_text()


def test_a_report_cannot_change_what_was_measured(finished: Run, tmp_path: Path, capsys):
    output = finished.copied(tmp_path)
    assert main(["report", f"output={output}", "metric.block_s=2"]) == 2
    assert "metric.block_s" in capsys.readouterr().err
    sweep = ["report", "-m", f"output={output}", "selection=linear,paper_naive"]
    assert main(sweep) == 0


def test_help_names_settings_and_examples(capsys):
    assert main(["evaluate", "--help"]) == 0
    text = capsys.readouterr().out
    assert "models: demo" in text
    assert "stemwise evaluate dataset=folder" in text


def test_a_recipe_is_fitted_to_a_finished_run(songs: Songs, tmp_path: Path, capsys):
    output = tmp_path / "run"
    assert evaluate(songs(3), output, "models=[band_split,hpss]") == 0
    assert "What blending is worth" in capsys.readouterr().out
    assert {path.stem for path in (output / "recipes").glob("*.yaml")} == {"deployable", "paper"}
    fit = ["fit", f"output={output}", "decision=least_squares"]
    assert main([*fit, "recipe=mine"]) == 0
    recipe = yaml.safe_load((output / "recipes" / "mine.yaml").read_text())
    assert recipe["name"] == "mine" and set(recipe["stems"]["drums"]) <= {"band_split", "hpss"}
    assert main([*fit, "models=[hpss]"]) == 0
    alone = yaml.safe_load((output / "recipes" / "least_squares.yaml").read_text())
    assert set(alone["stems"]["drums"]) == {"hpss"}
    capsys.readouterr()
    # as an evaluation that did not measure it leaves one that did
    tables.write(output / "tables", "cross", [tables.to_table("cross", ())])
    for override, says in (
        ("models=[x]", "not among"),
        ("decision.folds=1", "folds"),
        ("decision.cross_stem=true", "metric.cross_stem=true"),
    ):
        assert main([*fit, override]) == 2
        assert says in capsys.readouterr().err


def test_a_recipe_is_evaluated_as_just_another_model(songs: Songs, tmp_path: Path, capsys):
    """Its models are added to the run, and its scores are those that the tables predict."""
    root, output, recipe = songs(2), tmp_path / "run", tmp_path / "mine.yaml"
    recipe.write_text(
        "{name: mine, stems: {drums: {band_split: 0.7, hpss: 0.4}}, remainder: other}"
    )
    assert evaluate(root, output, "models=[band_split]", f"recipes=[{recipe}]") == 0
    table = scores(output)
    assert {"recipe:mine", "hpss", "band_split"} <= set(table["model"])
    forms = tables.read(output / "tables", "forms").filter(pl.col("stem") == "drums")
    found = form_table.stack("drums", ("band_split", "hpss"), forms)
    drums = table.filter(pl.col("stem") == "drums", pl.col("model") == "recipe:mine")
    for row in drums.iter_rows(named=True):
        place = found.tracks.index(("folder", row["track_id"]))
        assert row["bss_sdr"] == pytest.approx(found.bss_sdr((0.7, 0.4))[place], abs=1e-5)
        assert row["snr"] == pytest.approx(found.snr((0.7, 0.4))[place], abs=1e-5)
    leaders = tables.read(output / "tables", "leaderboard")
    assert "recipe:mine" in set(leaders["model"])
    assert main(["report", f"output={output}"]) == 0
    assert "recipe:mine" in set(scores(output)["model"])
    capsys.readouterr()
    for files in ("[band_split]", f"[{recipe},{recipe}]", "[gone.yaml]"):
        assert evaluate(root, tmp_path / "other", "models=[band_split]", f"recipes={files}") == 2
    told = capsys.readouterr().err
    assert "models=" in told and "mine" in told and "gone.yaml" in told


def test_tables_of_an_older_version_are_refused(finished: Run, tmp_path: Path, capsys):
    output = finished.copied(tmp_path)
    path = output / "tables" / "scores" / "scores.parquet"
    pl.read_parquet(path).drop("parent_model").write_parquet(path)
    assert main(["report", f"output={output}"]) == 1
    assert "older version" in capsys.readouterr().err


def test_a_model_that_takes_another_parent_apart_is_evaluated_anew(
    songs: Songs, tmp_path: Path, capsys
):
    root, output = songs(1), tmp_path / "run"
    model = "models=[band_split,{{name: a, base: hpss{}}}]"
    assert evaluate(root, output, model.format("")) == 0
    assert evaluate(root, output, model.format(", parent: drums")) == 0
    found = scores(output).filter(pl.col("model") == "a")
    assert set(found["parent"]) == {"drums"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b'{"a": 1}'),
        ("config.json", b"[1]"),
        ("tables/scores/scores.parquet", b"PAR1"),
    ],
)
def test_a_damaged_run_is_named(with_one_model: Run, tmp_path: Path, capsys, file, content):
    output = with_one_model.copied(tmp_path)
    (output / file).write_bytes(content)
    assert main(["report", f"output={output}"]) == 1
    error = capsys.readouterr().err
    assert "damaged" in error and "Traceback" not in error


@pytest.mark.parametrize(
    "text",
    [
        "{stems: {vocals: {hpss: 1}}}",
        "{stems: {kick: {demo_drumsep: 1}}}",
    ],
)
def test_a_recipe_whose_model_does_not_make_the_stem_is_refused(
    songs: Songs, tmp_path: Path, capsys, text
):
    recipe = tmp_path / "wrong.yaml"
    recipe.write_text(text)
    assert evaluate(songs(1), tmp_path / "run", "models=[band_split]", f"recipes=[{recipe}]") == 2
    assert "does not make it" in capsys.readouterr().err
