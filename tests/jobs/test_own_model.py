"""A run with a user's own checkpoint: its recipe separates, is evaluated and served from anywhere."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import soundfile
import torch
import yaml

from stemwise.cli import main
from stemwise.serving.graph.backend import served_recipes
from stemwise.storage import tables

from ..models.test_demucs import content

# a checkpoint of one's own on Ray: evaluation/test_overlap.py
pytestmark = pytest.mark.usefixtures("without_ray")


@pytest.fixture
def finished(songs, tmp_path, monkeypatch):
    """A run of one own checkpoint and one model of the zoo; returns (songs, output, checkpoint)."""
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    root, output, checkpoint = songs(2), tmp_path / "run", tmp_path / "weights" / "d9a.th"
    checkpoint.parent.mkdir()
    torch.save(content("demucs-v3"), checkpoint)
    own = f"{{name: d9a, base: demucs_package, checkpoint: {checkpoint}}}"
    given = [f"dataset.root={root}", f"output={output}", f"models=[band_split,{own}]"]
    assert main(["evaluate", "dataset=folder", *given]) == 0
    return root, output, checkpoint


def recipe_with_own(output: Path) -> Path:
    """Write a recipe of the own model's bass with `fit`."""
    assert main(["fit", f"output={output}", "models=[d9a]", "recipe=only"]) == 0
    return output / "recipes" / "only.yaml"


def test_the_recipe_of_an_own_model_is_used_everywhere(finished, tmp_path, capsys, monkeypatch):
    root, output, checkpoint = finished
    recipe = recipe_with_own(output)
    entry = yaml.safe_load(recipe.read_text())["models"]["d9a"]
    assert entry["checkpoint"] == "../../weights/d9a.th" and len(entry["sha256"]) == 64
    monkeypatch.chdir(tmp_path / "home")  # a path that is relative to here would fail
    song = root / "song-0" / "bass.wav"
    stems = tmp_path / "stems"
    assert main(["separate", str(song), "--recipe", str(recipe), "--output", str(stems)]) == 0
    assert soundfile.info(stems / "bass" / "bass.flac").frames == soundfile.info(song).frames
    recipes, specs = served_recipes([str(recipe)])
    assert set(recipes["only"].models()) == set(specs) == {"d9a"}
    again = tmp_path / "again"
    given = ["evaluate", "dataset=folder", f"dataset.root={root}", f"output={again}"]
    assert main([*given, "models=[band_split]", f"recipes=[{recipe}]"]) == 0
    found = tables.read(again / "tables", "scores").filter(pl.col("stem") == "bass")
    by_model = {(row["track_id"], row["model"]): row["snr"] for row in found.iter_rows(named=True)}
    assert by_model["song-0", "recipe:only"] == pytest.approx(by_model["song-0", "d9a"], abs=1e-6)

    torch.save(content("demucs-v3", channels=5), checkpoint)
    capsys.readouterr()
    assert main(["separate", str(song), "--recipe", str(recipe), "--output", str(stems)]) != 0
    assert "d9a.th is not the file that model 'd9a' needs" in capsys.readouterr().err
    checkpoint.unlink()
    assert main([*given, f"recipes=[{recipe}]", "models=[band_split]", "tracks=1"]) != 0
    error = capsys.readouterr().err
    assert "d9a.th of model 'd9a' does not exist" in error and "Traceback" not in error


def test_a_run_of_finished_files_says_why_there_is_no_recipe(songs, tmp_path, capsys):
    root = songs(2)
    for number in range(2):
        song = root / f"song-{number}"
        samples, rate = soundfile.read(song / "bass.wav")
        folder = song / "estimates" / "tool"
        folder.mkdir(parents=True)
        soundfile.write(folder / "bass.wav", 0.5 * samples, rate)
    output = tmp_path / "run"
    given = [f"dataset.root={root}", f"output={output}", "models=files"]
    assert main(["evaluate", "dataset=folder", *given]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "No recipe is fitted" in printed and "file:tool are estimates of other tools" in printed
    assert not list((output / "recipes").glob("*.yaml"))
    assert main(["fit", f"output={output}"]) == 1


def test_a_given_recipe_called_deployable_is_renamed_and_it_is_said(songs, tmp_path, capsys):
    recipe = tmp_path / "deployable.yaml"
    recipe.write_text("{name: deployable, stems: {bass: {band_split: 1}}}")
    output = tmp_path / "run"
    given = [f"dataset.root={songs(1)}", f"output={output}", "models=[band_split]"]
    assert main(["evaluate", "dataset=folder", *given, f"recipes=[{recipe}]"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "deployable.yaml is called 'deployable_' here" in printed
    assert {"recipe:deployable", "recipe:deployable_"} <= set(
        tables.read(output / "tables", "scores")["model"]
    )


def test_a_recipe_of_a_model_that_was_trained_here_was_too(songs, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("{name: mine, stems: {bass: {own: 1}}, models: {own: {base: band_split}}}")
    output, own = tmp_path / "run", "{name: own, base: band_split, trained_on: [folder]}"
    given = [f"dataset.root={songs(2)}", f"output={output}", f"models=[band_split,{own}]"]
    assert main(["evaluate", "dataset=folder", *given, f"recipes=[{recipe}]"]) == 0
    board = tables.read(output / "tables", "leaderboard").filter(pl.col("stem") == "bass")
    trained = dict(zip(board["model"], board["trained_here"], strict=True))
    assert trained == {"band_split": False, "own": True, "recipe:mine": True}
    for name in ("deployable", "../x"):
        assert main(["fit", f"output={output}", f"recipe={name}"]) == 2
