"""Which recipes can be served, and where their jobs are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemwise.core.errors import ConfigError, OutputError
from stemwise.serving.graph.backend import open_files, open_store, served_recipes
from stemwise.serving.settings import DATABASE, FILES, STATE, AppArgs


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    for name in (STATE, DATABASE, FILES):
        monkeypatch.delenv(name, raising=False)


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_the_demo_recipe_and_one_of_its_models() -> None:
    recipes, specs = served_recipes(["demo", "demo_scnet"])
    assert list(recipes) == ["demo", "demo_scnet"]
    assert set(specs) == set(recipes["demo"].models()) and "demo_scnet" in specs
    single = recipes["demo_scnet"]
    assert single.any_stem is None  # its stems are named, so that they can be asked for
    assert set(single.stems) == set(specs["demo_scnet"].stems)


def test_a_residual_is_a_stem_of_its_model() -> None:
    recipes, specs = served_recipes(["demo_karaoke"])
    assert specs["demo_karaoke"].residual == "backing_vocals"
    assert recipes["demo_karaoke"].all_stems() == ("lead_vocals", "backing_vocals")


def test_a_model_of_one_s_own_in_a_file(tmp_path: Path) -> None:
    path = written(tmp_path / "model.yaml", "{name: my_bands, base: band_split}")
    recipes, specs = served_recipes([path])
    assert list(recipes) == ["my_bands"] and list(specs) == [path]
    assert set(recipes["my_bands"].stems) == {"bass", "vocals", "drums"}
    recipe = written(tmp_path / "recipe.yaml", f"stems: {{bass: {{'{path}': 1}}}}")
    assert list(served_recipes([recipe])[1]) == [path]


def test_the_stems_of_a_checkpoint_are_read_from_it(real_data: Path) -> None:
    path = sorted((real_data / "weights" / "tiny-demucs").glob("*.th"))[0]
    recipes, specs = served_recipes([str(path)])
    [recipe] = recipes.values()
    assert specs[str(path)].stems == ()
    assert set(recipe.stems) >= {"drums", "bass", "other", "vocals"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["demo", "demo_scnet", "demo"], "The recipe 'demo' is given twice"),
        (["none"], "'none'"),
        (["none.yaml"], "none.yaml"),
        (["oracle_irm"], "'oracle_irm' needs the true stems"),
        ([], "--recipe"),
        ([""], "''"),
    ],
)
def test_what_cannot_be_served(names: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        served_recipes(names)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stems: {guitar: {band_split: 1}}", "'band_split' has no stem 'guitar'"),
        (
            "{stems: {drums: {band_split: 1}}, children: {drums: {kick: {band_split: 1}}}}",
            "'band_split' has no stem 'kick'",
        ),
        ("stems: {vocals: {band_split: 0.5, oracle_irm: 0.5}}", "needs the true stems"),
        ("stems: {vocals: {none: 1}}", "'none'"),
        ("stems: {}", "no stems"),
        ("stems: {mixture: 5}", "is not a recipe"),
    ],
)
def test_recipes_that_would_fail_with_the_first_song(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        served_recipes([written(tmp_path / "recipe.yaml", text)])
    assert said in str(error.value)


def test_two_files_with_one_name(tmp_path: Path) -> None:
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(written(tmp_path / folder / "same.yaml", "stems: {bass: {band_split: 1}}"))
    with pytest.raises(ConfigError, match="'same' is given twice"):
        served_recipes(paths)


def test_two_models_with_one_name_would_be_one_deployment(tmp_path: Path) -> None:
    paths = []
    for folder, stem in (("a", "bass"), ("b", "drums")):
        (tmp_path / folder).mkdir()
        model = written(tmp_path / folder / "model.yaml", "{name: mine, base: band_split}")
        recipe = f"stems: {{{stem}: {{'{model}': 1}}}}"
        paths.append(written(tmp_path / folder / f"{stem}.yaml", recipe))
    with pytest.raises(ConfigError, match="Two different models are called 'mine'"):
        served_recipes(paths)


def test_the_state_folder_is_made(tmp_path: Path) -> None:
    args = AppArgs(state=str(tmp_path / "deep" / "state"))
    open_store(args).close()
    assert (tmp_path / "deep" / "state" / "jobs.sqlite3").is_file()
    content = tmp_path / "content"
    content.write_text("x")
    open_files(args).put(content, "job/stems/a.wav")
    assert (tmp_path / "deep" / "state" / "files").is_dir()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_state_folder_that_cannot_be_made(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    args = AppArgs(state=str(tmp_path / place))
    for opened in (open_store, open_files):
        with pytest.raises(OutputError, match="choose another --state"):
            opened(args)
