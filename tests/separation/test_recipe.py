"""Recipes: weighted blends, sub-stems and the remainder of one song."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.core.errors import ConfigError
from stemwise.models.registry import ReadyModel
from stemwise.models.spec import ModelSpec
from stemwise.separation import recipe_separator as module
from stemwise.separation.recipe import Recipe, load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator

RATE = 44_100


def noise(length=RATE, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (2, length)).astype(np.float32)


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return load_recipe(str(path))

    return write


@pytest.fixture
def separate(tmp_path):
    """Return a function (recipe, mixture, wanted) → stem → (2, samples)."""
    folders = iter(range(100))

    def run(recipe, mixture, wanted=(), **options):
        folder = tmp_path / f"scratch{next(folders)}"
        folder.mkdir()
        made = RecipeSeparator(recipe, "cpu", **options)(mixture, folder, wanted)
        return {stem: np.asarray(spool.read(stem)) for stem, spool in made.items()}

    return run


def bands(separate, mixture):
    return separate(load_recipe("band_split"), mixture)


def test_a_model_of_the_zoo_is_a_recipe(separate):
    mixture = noise()
    found = bands(separate, mixture)
    assert tuple(found) == ("bass", "vocals", "drums")
    np.testing.assert_allclose(sum(found.values()), mixture, atol=1e-6)
    only = separate(load_recipe("band_split"), mixture, ("drums",))
    assert tuple(only) == ("drums",)
    np.testing.assert_array_equal(only["drums"], found["drums"])


def test_weights_blend_models(separate, written):
    mixture = noise()
    recipe = written("stems: {vocals: {band_split: 0.75, mixture: -0.5}, drums: {mixture: 2}}")
    found = separate(recipe, mixture)
    expected = 0.75 * bands(separate, mixture)["vocals"] - 0.5 * mixture
    np.testing.assert_allclose(found["vocals"], expected, atol=1e-6)
    np.testing.assert_allclose(found["drums"], 2 * mixture, atol=1e-6)


@pytest.mark.parametrize("length", [1, RATE, (1 << 20) + 5])
def test_the_remainder_conserves_the_mixture(separate, written, length):
    mixture = noise(length)
    recipe = written(
        "{stems: {vocals: {band_split: 0.8}, drums: {band_split: 1.3}}, remainder: other}"
    )
    found = separate(recipe, mixture)
    assert tuple(found) == ("vocals", "drums", "other")
    np.testing.assert_allclose(sum(found.values()), mixture, atol=1e-6)
    assert all(signal.shape == mixture.shape for signal in found.values())


def test_the_remainder_is_of_all_stems_also_where_it_alone_is_wanted(separate, written):
    mixture = noise()
    text = "{stems: {vocals: {band_split: 1}, drums: {band_split: 1}}, remainder: other}"
    whole = separate(written(text), mixture)
    alone = separate(written(text), mixture, ("other",))
    assert tuple(alone) == ("other",)
    np.testing.assert_array_equal(alone["other"], whole["other"])


def test_children_are_made_of_the_estimated_parent(separate, written):
    mixture = noise()
    found = separate(
        written(
            "{stems: {drums: {mixture: 0.5}, vocals: {mixture: 0.25}},"
            " children: {drums: {kick: {low: 1}, cymbals: {high: 1}},"
            "            vocals: {lead_vocals: {low: 1}}}}"
        ),
        mixture,
        fetch=fetch_named(("kick", "lead_vocals", "cymbals")),
    )
    assert tuple(found) == ("drums", "vocals", "kick", "cymbals", "lead_vocals")
    np.testing.assert_allclose(found["kick"], 0.5 * mixture, atol=1e-6)
    np.testing.assert_allclose(found["lead_vocals"], 0.25 * mixture, atol=1e-6)


def fetch_named(stems):
    """Every name but the zoo's `mixture` is a model that returns its input for `stems`."""

    def fetch(name):
        names = ("vocals", "drums") if name == "mixture" else stems
        spec = ModelSpec(name, "stemwise.models.mixture.MixtureModel", "", stems=names)
        return ReadyModel(spec, (), name)

    return fetch


def test_only_the_models_that_are_needed_run(separate, written):
    used = []

    def fetch(name):
        used.append(name)
        return fetch_named(("vocals", "drums", "kick"))(name)

    recipe = written(
        "{stems: {vocals: {a: 1}, drums: {b: 1}},"
        " children: {drums: {kick: {c: 1}}, vocals: {lead_vocals: {d: 1}}}, remainder: other}"
    )
    for wanted, needed in (
        (("vocals",), ["a"]),
        (("drums",), ["b"]),
        (("kick",), ["b", "c"]),
        (("other",), ["a", "b"]),
        (("kick", "vocals"), ["a", "b", "c"]),
    ):
        used.clear()
        assert tuple(separate(recipe, noise(), wanted, fetch=fetch)) == wanted
        assert sorted(used) == needed


def test_a_model_is_loaded_once_for_many_songs_and_stems(tmp_path, monkeypatch, written):
    loaded = []
    real = module.build
    monkeypatch.setattr(module, "build", lambda ready: loaded.append(ready) or real(ready))
    separator = RecipeSeparator(
        written("{stems: {vocals: {band_split: 1}, drums: {band_split: 1}}}"), "cpu"
    )
    for song in range(2):
        folder = tmp_path / f"song{song}"
        folder.mkdir()
        separator(noise(seed=song), folder)
    assert len(loaded) == 1


@pytest.mark.parametrize("wanted", [("nothing",), ("vocals", "nothing"), ("kick",)])
@pytest.mark.parametrize("text", ["band_split", "{stems: {vocals: {band_split: 1}}}"])
def test_an_unknown_stem_is_named_with_those_there_are(separate, written, wanted, text):
    recipe = load_recipe(text) if text == "band_split" else written(text)
    with pytest.raises(ConfigError, match=f"{wanted[-1]}.*vocals"):
        separate(recipe, noise(), wanted)


def test_a_stem_that_the_model_does_not_make_is_named(separate, written):
    with pytest.raises(ConfigError, match=r"band_split.*piano"):
        separate(written("{stems: {piano: {band_split: 1}}}"), noise())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{stems: {}}", "no stems"),
        ("{stems: null}", "not a recipe"),
        ("{stems: [vocals]}", "not a recipe"),
        ("{stems: {vocals: band_split}}", "not a recipe"),
        ("{stems: {vocals: {}}}", "not a recipe"),
        ("{stems: {vocals: {band_split: much}}}", "not a recipe"),
        ("{stems: {vocals: {band_split: null}}}", "not a recipe"),
        ("{stems: {vocals: {band_split: .nan}}}", "not a recipe"),
        ("{stems: {vocals: {band_split: .inf}}}", "not a recipe"),
        ("{stems: {vocals: {band_split: 1.0e+30}}}", "at most"),
        ("{stems: {1: {band_split: 1}}}", "not a recipe"),
        ("{stems: {../up: {band_split: 1}}}", r"\.\./up"),
        ("{stems: {vocals: {band_split: 1}}, children: [kick]}", "not a recipe"),
        ("{stems: {vocals: {band_split: 1}}, children: {drums: {kick: {hpss: 1}}}}", "drums"),
        ("{stems: {vocals: {band_split: 1}}, children: {vocals: {../up: {hpss: 1}}}}", "up"),
        ("{stems: {vocals: {band_split: 1}}, children: {vocals: {vocals: {hpss: 1}}}}", "twice"),
        ("{stems: {vocals: {band_split: 1}}, remainder: ../../escape}", "escape"),
        ("{stems: {vocals: {band_split: 1}}, remainder: vocals}", "twice"),
        ("{stems: {vocals: {band_split: 1}}, sample_rate: 48000}", "48000"),
        ("{stems: {vocals: {band_split: 1}}, weights: {}}", "weights"),
        ("[1, 2]", "mapping"),
        ("{name: x}", "base"),
    ],
)
def test_what_is_not_a_recipe_is_refused(written, text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        written(text)
    assert "\n" not in str(caught.value)


def test_the_keys_of_a_fitted_recipe_are_accepted(written):
    recipe = written(
        "{name: blend, sample_rate: 44100, stems: {vocals: {hpss: 1}}, remainder: other,"
        " provenance: {dataset: x, tracks: 3}}"
    )
    assert recipe == Recipe("blend", {"vocals": {"hpss": 1.0}}, {}, "other")


@pytest.mark.parametrize("name", ["no_such_model", "gone.yaml", "gone.yml"])
def test_what_is_not_there_is_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=name.partition(".")[0]):
        load_recipe(name)


def test_the_rest_of_a_parent_conserves_it(separate, written):
    mixture = noise()
    found = separate(
        written(
            "{stems: {drums: {band_split: 1}},"
            " children: {drums: {bass: {apart: 0.5}, rest: remainder}},"
            " models: {apart: {base: band_split, parent: drums}}}"
        ),
        mixture,
    )
    assert tuple(found) == ("drums", "bass", "rest")
    np.testing.assert_allclose(found["bass"] + found["rest"], found["drums"], atol=1e-6)
    assert np.abs(found["bass"]).max() > 1e-6


def test_only_the_rest_is_wanted(separate, written):
    text = (
        "{stems: {drums: {band_split: 1}},"
        " children: {drums: {bass: {apart: 1}, rest: remainder}},"
        " models: {apart: {base: band_split, parent: drums}}}"
    )
    whole, alone = separate(written(text), noise()), separate(written(text), noise(), ("rest",))
    assert tuple(alone) == ("rest",)
    np.testing.assert_array_equal(alone["rest"], whole["rest"])


@pytest.mark.parametrize(
    "group",
    ["{rest: remainder}", "{kick: {hpss: 1}, a: remainder, b: remainder}", "{kick: leftover}"],
)
def test_a_rest_needs_something_to_be_the_rest_of(written, group):
    with pytest.raises(ConfigError, match="not a recipe"):
        written(f"{{stems: {{drums: {{hpss: 1}}}}, children: {{drums: {group}}}}}")


LEVEL2 = {
    "splitter": ("drums", ("kick", "cymbals"), None),
    "lead": ("vocals", ("lead_vocals",), "backing_vocals"),
}


@pytest.fixture
def level2(monkeypatch):
    """Two level-2 models that return their input for every stem, as `--level2` names them."""
    from stemwise.separation import recipe

    real = recipe.resolve

    def resolve(name):
        if name not in LEVEL2:
            return real(name)
        parent, stems, residual = LEVEL2[name]
        target = "stemwise.models.mixture.MixtureModel"
        return ModelSpec(name, target, "", stems=stems, parent=parent, residual=residual)

    monkeypatch.setattr(recipe, "resolve", resolve)
    return lambda name: ReadyModel(resolve(name), (), name)


def test_level_two_models_take_the_stems_of_a_model_apart(separate, level2):
    mixture = noise()
    recipe = load_recipe("band_split").taking_apart(["splitter", "lead"])
    found = separate(recipe, mixture, fetch=level2)
    assert tuple(found) == (
        *("bass", "vocals", "drums"),
        *("kick", "cymbals", "drums_remainder"),
        *("lead_vocals", "backing_vocals"),
    )
    np.testing.assert_allclose(found["kick"], found["drums"], atol=1e-6)
    children = found["kick"] + found["cymbals"] + found["drums_remainder"]
    np.testing.assert_allclose(children, found["drums"], atol=1e-6)
    voices = found["lead_vocals"] + found["backing_vocals"]
    np.testing.assert_allclose(voices, found["vocals"], atol=1e-6)


def test_a_model_of_another_stem_is_refused_and_one_of_mixtures_may_be_chained(written):
    recipe = written(
        "{stems: {drums: {hpss: 1}},"
        " children: {drums: {kick: {demo_karaoke: 1}, bass: {band_split: 1}}}}"
    )
    assert recipe.spec("band_split").name == "band_split"
    with pytest.raises(
        ConfigError, match="'demo_karaoke' separates vocals, not drums: name a model"
    ):
        recipe.spec("demo_karaoke")


def test_wanted_sub_stems_run_only_what_makes_them(separate, level2):
    recipe = load_recipe("band_split").taking_apart(["splitter", "lead"])
    used = []
    found = separate(recipe, noise(), ("cymbals",), fetch=lambda n: used.append(n) or level2(n))
    assert tuple(found) == ("cymbals",) and used == ["band_split", "splitter"]
    with pytest.raises(ConfigError, match=r"piano.*cymbals"):
        separate(recipe, noise(), ("piano",), fetch=level2)


def test_what_cannot_be_taken_apart_is_refused(separate, level2, written):
    with pytest.raises(ConfigError, match=r"band_split.*level-2"):
        load_recipe("band_split").taking_apart(["band_split"])
    with pytest.raises(ConfigError, match="twice"):
        load_recipe("band_split").taking_apart(["splitter", "splitter"])
    with pytest.raises(ConfigError, match="drums"):
        separate(load_recipe("repet_sim").taking_apart(["splitter"]), noise(), fetch=level2)
    with pytest.raises(ConfigError, match="drums"):
        written("{stems: {vocals: {band_split: 1}}}").taking_apart(["splitter"])
