"""Whose estimates level-2 models take apart, as a configuration says it."""

from __future__ import annotations

import pytest

from stemwise.core.errors import ConfigError
from stemwise.evaluation.hierarchy import Provider
from stemwise.jobs.configuration import hierarchy, without_estimate
from stemwise.jobs.settings import HierarchyChoice
from stemwise.jobs.typed import read
from stemwise.models.registry import get, named_sets, set_parents
from stemwise.models.spec import ModelSpec


def spec(name, stems=("vocals", "drums"), parent="mixture"):
    return ModelSpec(name, "a.test", "a test", stems=stems, parent=parent)


def settings(parents=None, sources=("estimate", "reference"), chosen=(), specs=None):
    values = {"parents": parents, "sources": list(sources)}
    choice = read(HierarchyChoice, values, "hierarchy")
    return hierarchy(choice, chosen, specs or [spec("a"), spec("b"), spec("c", ("kick",), "drums")])


def test_silence_leaves_the_choice_to_the_evaluation():
    for parents in (None, {}, {"vocals": None, "drums": None}):
        found = settings(parents)
        assert found.providers == {} and found.sources == ("estimate", "reference")


def test_a_model_of_the_run_may_be_named():
    assert settings({"drums": "b"}).providers == {"drums": Provider("b", {"b": 1.0})}


def test_a_recipe_may_be_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{name: mine, stems: {drums: {a: 0.25, b: 0.75}}}")
    expected = Provider("recipe:mine", {"a": 0.25, "b": 0.75})
    assert settings({"drums": str(path)}).providers == {"drums": expected}


def test_a_named_set_has_its_own_parents_and_what_is_given_comes_first():
    specs = [get(name) for name in named_sets()["demo"]]
    found = settings(chosen="demo", specs=specs).providers
    assert {stem: who.name for stem, who in found.items()} == set_parents("demo") != {}
    given = settings({"drums": "demo_htdemucs"}, chosen="demo", specs=specs).providers
    assert given["drums"].name == "demo_htdemucs"


def test_parents_of_sets_are_models_of_the_set_that_make_them():
    for name, models in named_sets().items():
        for stem, model in set_parents(name).items():
            assert model in models and stem in get(model).stems


@pytest.mark.parametrize(
    ("parents", "says"),
    [
        ({"bass": "a"}, "bass"),
        ({"drums": "nobody"}, "nobody.*a, b"),
        ({"drums": "c"}, "neither a level-1 model"),
        ({"drums": "voice"}, "does not make drums"),
        ({"drums": "gone.yaml"}, r"gone\.yaml"),
    ],
)
def test_what_cannot_be_meant_is_refused(parents, says):
    specs = [spec("a"), spec("b"), spec("voice", ("vocals",)), spec("c", ("kick",), "drums")]
    with pytest.raises(ConfigError, match=says) as caught:
        settings(parents, specs=specs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{stems: {drums: {a: 1, gone: 1}}}", "'gone'.*not in models="),
        ("{stems: {vocals: {a: 1}}}", "no weights for drums"),
    ],
)
def test_a_recipe_that_the_run_cannot_make_is_refused(tmp_path, text, says):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        settings({"drums": str(path)})


def test_unknown_keys_and_sources_are_refused():
    with pytest.raises(ConfigError, match=r"hierarchy\.depth"):
        read(HierarchyChoice, {"parents": {}, "sources": ["estimate"], "depth": 3}, "hierarchy")
    with pytest.raises(ConfigError, match="truth"):
        settings(sources=("truth",))
    single = read(HierarchyChoice, {"parents": {}, "sources": "reference"}, "hierarchy")
    assert hierarchy(single, "", []).sources == ("reference",)


def test_parents_that_no_model_estimates_are_said_or_refused():
    specs = [spec("a", ("vocals",)), spec("c", ("kick",), "drums")]
    (note,) = without_estimate(settings(specs=specs), specs)
    assert "makes drums" in note
    with pytest.raises(ConfigError, match="makes drums"):
        without_estimate(settings(sources=("estimate",), specs=specs), specs)
    assert without_estimate(settings(sources=("reference",), specs=specs), specs) == []
    assert without_estimate(settings(), [spec("a"), spec("c", ("kick",), "drums")]) == []


@pytest.mark.parametrize(
    "values", [5, {"parents": 5, "sources": []}, {"parents": {}, "sources": 5}]
)
def test_values_of_another_shape_are_refused(values):
    with pytest.raises(ConfigError, match="hierarchy"):
        hierarchy(read(HierarchyChoice, values, "hierarchy"), "", [])
