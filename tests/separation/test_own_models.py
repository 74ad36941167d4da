"""Recipes that carry models of their own: found again, moved together, and never mistaken."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.jobs.configuration import hierarchy
from stemwise.jobs.decide import write_recipe
from stemwise.jobs.run_recipes import load_recipes, with_their_models
from stemwise.jobs.settings import HierarchyChoice
from stemwise.models import entries
from stemwise.models.registry import prepare, resolve, same_model
from stemwise.separation.recipe import load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator
from stemwise.serving.graph.backend import served_recipes

from ..models.test_demucs import content as demucs_package

RECIPE = {"name": "mine", "stems": {"drums": {"d9a": 1.0}}, "provenance": {}}


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint in the form of a Demucs package."""
    return package(tmp_path / "weights" / "d9a.th", 0)


def package(path: Path, seed: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    torch.save(demucs_package("demucs-v3", channels=4 + seed), path)
    return path


def written(folder: Path, checkpoint: Path, **more) -> Path:
    """Write a recipe as a run does, with the entry of its one model."""
    ready = prepare(
        resolve({"name": "d9a", "base": "demucs_package", "checkpoint": str(checkpoint)})
    )
    return write_recipe(folder, RECIPE | more, {"d9a": ready.entry})


def test_the_entry_is_written_with_a_relative_path_and_its_digest(tmp_path, checkpoint):
    path = written(tmp_path / "run" / "recipes", checkpoint)
    own = yaml.safe_load(path.read_text())["models"]
    assert set(own) == {"d9a"}
    assert own["d9a"]["checkpoint"] == "../../weights/d9a.th"
    assert own["d9a"]["base"] == "demucs_package"
    assert own["d9a"]["sha256"] == prepare(load_recipe(str(path)).spec("d9a")).digests[0]


def test_models_of_the_zoo_and_unused_ones_are_not_written(tmp_path, checkpoint):
    ready = prepare(resolve("band_split"))
    assert ready.entry is None
    recipe = RECIPE | {"stems": {"drums": {"band_split": 1.0}}}
    path = write_recipe(tmp_path, recipe, {"d9a": {"name": "d9a", "base": "band_split"}})
    assert "models" not in yaml.safe_load(path.read_text())


def test_the_recipe_separates_from_any_folder_and_after_both_have_moved(
    tmp_path, checkpoint, monkeypatch
):
    path = written(tmp_path / "recipes", checkpoint)
    mixture = np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32)

    def drums(recipe, name):
        (tmp_path / name).mkdir()
        made = RecipeSeparator(load_recipe(str(recipe)), "cpu")(mixture, tmp_path / name)
        return np.asarray(made["drums"].read("drums"))

    expected = drums(path, "scratch1")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for folder in ("recipes", "weights"):
        shutil.move(tmp_path / folder, moved / folder)
    monkeypatch.chdir(moved)
    np.testing.assert_array_equal(drums("recipes/mine.yaml", "scratch2"), expected)


def test_a_checkpoint_that_is_gone_is_named(tmp_path, checkpoint):
    path = written(tmp_path / "recipes", checkpoint)
    checkpoint.unlink()
    with pytest.raises(CheckpointError, match=r"d9a\.th of model 'd9a' does not exist: put it"):
        prepare(load_recipe(str(path)).spec("d9a"))


def test_a_checkpoint_that_has_changed_is_named(tmp_path, checkpoint):
    path = written(tmp_path / "recipes", checkpoint)
    package(checkpoint, 1)
    with pytest.raises(CheckpointError, match=r"d9a\.th is not the file that model 'd9a' needs"):
        prepare(load_recipe(str(path)).spec("d9a"))


def test_a_configuration_that_has_changed_is_named(tmp_path):
    config, weights = tmp_path / "config.yaml", tmp_path / "a.ckpt"
    config.write_text("model: {}")
    entry = {"name": "mine", "msst_config": str(config), "checkpoint": str(weights)}
    carried = entries.with_digests(entry, ("0" * 64,))
    entries.check_config(carried["msst_config_sha256"], config, "mine")
    config.write_text("model: {depth: 3}")
    with pytest.raises(ConfigError, match=r"config\.yaml is not the configuration.*'mine'"):
        resolve(carried)
    config.unlink()
    with pytest.raises(ConfigError, match=r"'mine'.*config\.yaml cannot be read"):
        resolve(carried)


def test_a_recipe_without_the_entry_says_what_to_add(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text("stems: {drums: {d9a: 1}}")
    recipe = load_recipe(str(path))
    with pytest.raises(ConfigError, match=r"'d9a', which is neither.*add models: \{d9a: \{base"):
        recipe.spec("d9a")
    with pytest.raises(ConfigError, match=r"add models"):
        served_recipes([str(path)])


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ("[d9a]", "models must map"),
        ("{d9a: 3}", "'d9a' must be an entry"),
        ("{d9a: {base: demucs_package, checkpoint: a.th}, d9a: {base: hpss}}", "'d9a'.*twice"),
    ],
)
def test_entries_that_cannot_be_meant_are_refused(tmp_path, models, says):
    path = tmp_path / "r.yaml"
    path.write_text(f"stems: {{drums: {{d9a: 1}}}}\nmodels: {models}\n")
    with pytest.raises(ConfigError, match=says):
        load_recipe(str(path))


def test_an_entry_of_another_name_is_refused(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("stems: {drums: {d9a: 1}}\nmodels: {d9a: {name: other, base: hpss}}\n")
    with pytest.raises(ConfigError, match="'d9a' is called 'other'"):
        load_recipe(str(path)).spec("d9a")


def test_two_models_of_one_name_from_different_files_are_never_one(tmp_path, checkpoint):
    first = written(tmp_path / "one", checkpoint)
    other = written(tmp_path / "two", package(tmp_path / "weights" / "new.th", 1), name="second")
    with pytest.raises(ConfigError, match="Two different models are called 'd9a'"):
        served_recipes([str(first), str(other)])
    recipes = load_recipes([str(first), str(other)])
    with pytest.raises(ConfigError, match="'second' has a model 'd9a' of its own"):
        with_their_models([], recipes)
    run = resolve({"name": "d9a", "base": "demucs_package", "checkpoint": str(checkpoint)})
    assert [s.name for s in with_their_models([run], recipes[:1])] == ["d9a"]
    with pytest.raises(ConfigError, match="'second' has a model 'd9a' of its own"):
        with_their_models([run], recipes[1:])


def test_a_copy_of_the_same_file_is_the_same_model(tmp_path, checkpoint):
    copy = shutil.copy(checkpoint, tmp_path / "weights" / "copy.th")
    one, two = (
        resolve({"name": "d9a", "base": "demucs_package", "checkpoint": str(path)})
        for path in (checkpoint, copy)
    )
    assert same_model(one, two)
    assert not same_model(one, resolve({"name": "d9a", "base": "hpss"}))
    shallow = {"name": "d9a", "base": "demucs_package", "settings": {"overlap": 0.1}}
    assert not same_model(one, resolve(shallow | {"checkpoint": str(copy)}))


def test_a_run_takes_the_digest_that_a_recipe_knows(tmp_path, checkpoint):
    """Else a changed checkpoint would be measured under the recipe's name."""
    recipes = load_recipes([str(written(tmp_path / "one", checkpoint))])
    run = resolve({"name": "d9a", "base": "demucs_package", "checkpoint": str(checkpoint)})
    (spec,) = with_their_models([run], recipes)
    assert spec.checkpoints[0].sha256 is not None


def test_a_recipe_changes_nothing_else_of_the_runs_own_entry(tmp_path, checkpoint):
    """Neither what it was trained on, nor the digest that the run itself asks for."""
    recipes = load_recipes([str(written(tmp_path / "one", checkpoint))])
    entry = {"name": "d9a", "base": "demucs_package", "checkpoint": str(checkpoint)}
    run = resolve(entry | {"trained_on": ["folder"]})
    (spec,) = with_their_models([run], recipes)
    assert spec.trained_on == ("folder",)
    with pytest.raises(ConfigError, match="'d9a' of its own"):
        with_their_models([resolve(entry | {"sha256": "aaaaaaaaaaaa"})], recipes)
    short = recipes[0].entries["d9a"]["sha256"][:16]  # the beginning of a digest is allowed
    (spec,) = with_their_models([resolve(entry | {"sha256": short})], recipes)
    assert len(spec.checkpoints[0].sha256) == 64


def test_parents_of_a_recipe_are_of_the_very_models(tmp_path, checkpoint):
    other = package(tmp_path / "weights" / "new.th", 1)
    recipe = written(tmp_path / "one", checkpoint)
    named = {"name": "d9a", "base": "demucs_package"}
    for path, fits in ((checkpoint, True), (other, False)):
        specs = [resolve(named | {"checkpoint": str(path)})]
        values = HierarchyChoice({"drums": str(recipe)}, ("estimate",))
        if fits:
            assert hierarchy(values, "", specs).providers["drums"].name == "d9a"
        else:
            with pytest.raises(ConfigError, match="blends its own model 'd9a'"):
                hierarchy(values, "", specs)


@pytest.mark.parametrize("place", ["~no-such-user-here/a.th", "a\0.th", "x" * 5000])
def test_paths_that_no_file_can_have_are_named(tmp_path, place):
    path = tmp_path / "r.yaml"
    content = {"stems": {"drums": {"d9a": 1}}, "models": {"d9a": {"base": "demucs_package"}}}
    content["models"]["d9a"]["checkpoint"] = place
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match="names a file that cannot be"):
        load_recipe(str(path))


def test_a_folder_is_no_checkpoint(tmp_path):
    (tmp_path / "d9a.th").mkdir()
    entry = {"name": "d9a", "base": "demucs_package", "checkpoint": str(tmp_path / "d9a.th")}
    with pytest.raises(CheckpointError, match=r"d9a\.th of model 'd9a' is no file"):
        prepare(resolve(entry))


@pytest.mark.parametrize("name", ['""', "null", "[a]", "a/../b", "{a: 1}"])
def test_names_that_are_none_are_refused(tmp_path, name):
    path = tmp_path / "r.yaml"
    path.write_text(f"name: {name}\nstems: {{drums: {{band_split: 1}}}}\n")
    with pytest.raises(ConfigError, match=r"r\.yaml: the name"):
        load_recipe(str(path))


def test_a_model_of_weight_zero_is_not_needed(tmp_path):
    """Its checkpoint may be gone, and it must not be run."""
    path = tmp_path / "old.yaml"
    path.write_text(
        "stems: {drums: {band_split: 0.5, d9a: 0.0}, bass: {band_split: 1, gone: -0.0}}"
    )
    recipe = load_recipe(str(path))
    assert recipe.models() == ("band_split",)
    assert recipe.stems == {"drums": {"band_split": 0.5}, "bass": {"band_split": 1.0}}
    assert list(served_recipes([str(path)])[1]) == ["band_split"]


def test_weights_that_are_all_zero_are_refused(tmp_path):
    path = tmp_path / "none.yaml"
    path.write_text("stems: {drums: {band_split: 0.0}}")
    with pytest.raises(ConfigError, match=r"none\.yaml is not a recipe.*all 0"):
        load_recipe(str(path))
