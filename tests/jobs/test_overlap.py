"""overlap= from the command line to specs, recipes and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import yaml

from stemwise.cli import main
from stemwise.core.errors import AudioError, ConfigError
from stemwise.jobs import work
from stemwise.jobs.configuration import hierarchy
from stemwise.jobs.decide import twins_of, write_recipe
from stemwise.jobs.run_models import models_of
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.typed import read, written
from stemwise.models.fast_tiling import FastTiling
from stemwise.models.overlap import FAST, is_fast
from stemwise.models.reflect_tiling import ReflectTiling
from stemwise.models.registry import prepare
from stemwise.separation.recipe import load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator
from stemwise.serving.graph.backend import served_recipes

DEMO = {"_target_": "stemwise.datasets.demo.DemoDataset"}
BLEND = {"name": "blend", "stems": {"vocals": {"demo_scnet": 0.5, "demo_melband": 0.5}}}


def settings(models, **more):
    return read(EvaluateSettings, {"output": "x", "dataset": DEMO, "models": models, **more})


def names(run):
    return {spec.name: is_fast(spec) for spec in run.specs}


@pytest.fixture
def recipe(tmp_path):
    def write(**more):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.yaml"
        path.write_text(yaml.safe_dump({**BLEND, **more}))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("fast", "fast"),
        ("both", "both"),
        (["reference", "fast"], "both"),
        (["fast", "reference"], "both"),
        (["fast"], "fast"),
    ],
)
def test_a_list_of_both_ways_is_both(given, meant):
    found = settings("demo", overlap=given)
    assert found.overlap == meant
    assert read(EvaluateSettings, written(found)) == found


@pytest.mark.parametrize("given", ["fsat", ["fast", "fast"], [], 0.25, None])
def test_another_word_ends_in_a_sentence(given):
    with pytest.raises(ConfigError, match=r"overlap=.* give reference, fast or both"):
        settings("demo", overlap=given)


def test_on_the_command_line_too(capsys):
    assert main(["evaluate", "output=x", "overlap=fsat"]) == 2
    assert "overlap=fsat is not usable: did you mean fast? give" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main(["separate", "song.wav", "--overlap", "fsat"])
    assert left.value.code == 2 and "did you mean fast" in capsys.readouterr().err
    assert main(["separate", "song.wav", "--server", "http://x", "--overlap", "fast"]) == 2


def test_a_run_is_cut_as_it_says():
    chosen = [
        "demo_scnet",
        "band_split",
        {"name": "own", "base": "demo_scnet", "overlap": "reference"},
    ]
    assert names(models_of(settings(chosen))) == {
        "demo_scnet": False,
        "band_split": False,
        "own": False,
    }
    fast = models_of(settings(chosen, overlap="fast"))
    assert names(fast) == {"demo_scnet": True, "band_split": False, "own": False}
    both = models_of(settings(chosen, overlap="both"))
    assert list(names(both)) == ["demo_scnet", "band_split", "own", "demo_scnet-fast"]
    assert [(t.reference, t.fast) for t in twins_of(both.specs)] == [
        ("demo_scnet", "demo_scnet-fast")
    ]
    # a model that stays as it is is the reference of another that does not
    assert [(t.reference, t.fast) for t in twins_of(fast.specs)] == [("own", "demo_scnet")]


def test_of_a_named_set_parents_stay_those_of_the_reference():
    run = models_of(settings("demo", overlap="both"))
    level2 = hierarchy(settings("demo").hierarchy, "demo", run.specs, run.overlap)
    assert {p.name for p in level2.providers.values()} == {"demo_scnet"}


def test_a_recipe_is_measured_as_it_is_run_or_not_at_all(recipe):
    usual, fast = recipe(), recipe(overlap="fast")
    chosen = ["demo_scnet", "demo_melband"]
    models_of(settings(chosen, recipes=[usual]))
    run = models_of(settings(chosen, recipes=[usual], overlap="fast"))
    assert [one.overlap for one in run.recipes] == [FAST]
    models_of(settings(chosen, recipes=[fast], overlap="fast"))
    with pytest.raises(
        ConfigError, match=r"is of overlap=fast, but this run's demo_melband is not"
    ):
        models_of(settings(chosen, recipes=[fast]))
    alone = models_of(settings("band_split", recipes=[fast]))
    assert names(alone) == {"band_split": False, "demo_scnet": True, "demo_melband": True}
    with pytest.raises(ConfigError, match="is of overlap=fast"):
        hierarchy(
            settings(chosen, hierarchy={"parents": {"vocals": fast}}).hierarchy,
            chosen,
            models_of(settings(chosen)).specs,
        )


def test_a_recipe_of_a_fast_run_says_so_and_is_run_and_served_so(tmp_path):
    made = {**BLEND, "provenance": {}}
    plain = write_recipe(tmp_path / "a", made, {})
    fast = write_recipe(tmp_path / "b", made, {}, overlap=FAST)
    assert list(yaml.safe_load(fast.read_text()))[:2] == ["name", "overlap"]
    assert "overlap" not in yaml.safe_load(plain.read_text())
    assert not is_fast(load_recipe(str(plain)).spec("demo_scnet"))
    assert is_fast(load_recipe(str(fast)).spec("demo_scnet"))
    served = {path: served_recipes([str(path)])[1]["demo_scnet"] for path in (plain, fast)}
    assert [is_fast(spec) for spec in served.values()] == [False, True]
    _, forced = served_recipes([str(plain)], "fast")
    assert is_fast(forced["demo_scnet"])
    with pytest.raises(ConfigError, match=r"serve recipes of one overlap|is given twice"):
        served_recipes([str(plain), "demo_scnet", str(fast)])


def test_a_recipe_of_both_ways_finds_its_models_again(tmp_path):
    run = models_of(settings(["demo_scnet"], overlap="both"))
    (ready,) = [prepare(spec) for spec in run.specs if is_fast(spec)]
    made = {"name": "r", "stems": {"vocals": {"demo_scnet-fast": 1.0}}, "provenance": {}}
    path = write_recipe(tmp_path, made, {ready.spec.name: ready.entry})
    spec = load_recipe(str(path)).spec("demo_scnet-fast")
    assert prepare(spec).identity == ready.identity


def test_a_recipe_of_reference_has_the_fingerprint_that_it_had(recipe):
    usual, fast = (load_recipe(recipe(**more)) for more in ({}, {"overlap": "fast"}))
    assert "overlap" not in work._facts(usual) and work._facts(fast)["overlap"] == "fast"
    # what a recipe predicts of its stems and its cheaper tiers measure nothing: songs are kept
    tiered = replace(usual, tiers=(usual, usual), worth_db=1.0)
    kept = "name stems children remainder any_stem rests provenance entries"
    assert set(work._facts(tiered)) == set(kept.split())
    assert work._facts(tiered) == work._facts(usual)


@pytest.mark.parametrize("word", ["fsat", 0.25, None])
def test_a_recipe_of_another_word_is_refused(recipe, word):
    with pytest.raises(ConfigError, match="use reference or fast"):
        load_recipe(recipe(overlap=word))


@pytest.mark.parametrize(
    ("told", "flag", "fast"),
    [
        ({}, [], False),
        ({"overlap": "fast"}, [], True),
        ({}, ["--overlap", "fast"], True),
        ({"overlap": "fast"}, ["--overlap", "reference"], False),
    ],
)
def test_separate_runs_a_recipe_as_measured_unless_told(
    told, flag, fast, recipe, tmp_path, monkeypatch
):
    tilings = []

    class Loaded(RecipeSeparator):
        def __call__(self, *_):
            tilings.append(type(self._separator("demo_scnet").model.tiling))
            raise AudioError("far enough")

    monkeypatch.setattr("stemwise.jobs.separation.RecipeSeparator", Loaded)
    song = tmp_path / "song.wav"
    soundfile.write(song, np.full((1_000, 2), 0.1), 44_100)
    output = ["--output", str(tmp_path / "out")]
    main(["separate", str(song), "--recipe", recipe(**told), *output, *flag])
    assert tilings == [FastTiling if fast else ReflectTiling]
