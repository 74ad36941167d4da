"""The main job from Python: the settings and tables of the command line, no state left behind."""

from __future__ import annotations

import pytest
from hydra.core.global_hydra import GlobalHydra
from polars.testing import assert_frame_equal

import stemwise
from stemwise.api.settings import settings_of
from stemwise.core.errors import ConfigError
from stemwise.jobs.overrides import _compose, plain
from stemwise.jobs.settings import EvaluateSettings, ReportSettings
from stemwise.jobs.typed import read

TIMES = ("wall_s", "realtime_factor")


@pytest.mark.parametrize(
    ("given", "overrides"),
    [
        ({"dataset": "demo"}, []),
        (
            {
                "dataset": {"name": "folder", "root": "a"},
                "models": ["scnet", "file:b"],
                "tracks": 3,
            },
            ["dataset=folder", "dataset.root=a", "models=[scnet,file:b]", "tracks=3"],
        ),
        (
            {"metric": {"name": "plain", "block_s": 2}, "selection": "paper_naive", "store": "s3"},
            ["metric=plain", "metric.block_s=2", "selection=paper_naive", "store.root=s3"],
        ),
        (
            {"hierarchy": {"parents": {"drums": "scnet"}}, "decision": {"folds": 3}},
            ["hierarchy.parents.drums=scnet", "decision.folds=3"],
        ),
        (
            {"dataset": {"_target_": "stemwise.datasets.demo.DemoDataset", "seed": 1}},
            ["dataset={_target_: stemwise.datasets.demo.DemoDataset, seed: 1}"],
        ),
    ],
)
def test_settings_are_what_hydra_composes(given, overrides):
    made = settings_of(EvaluateSettings, "evaluate", {**given, "output": "out"})
    if overrides and overrides[0].startswith("dataset={"):
        own = read(EvaluateSettings, plain(_compose("evaluate", ["output=out"])))
        assert made.dataset.target == own.dataset.target
        assert made.dataset.arguments.seed == 1
        return
    assert made == read(EvaluateSettings, plain(_compose("evaluate", [*overrides, "output=out"])))


def test_settings_of_a_report_are_too():
    made = settings_of(ReportSettings, "report", {"output": "out", "metric": "plain"})
    assert made == read(ReportSettings, plain(_compose("report", ["metric=plain", "output=out"])))


@pytest.mark.parametrize(
    ("dataset", "models", "settings", "sentence"),
    [
        ("dmeo", "demo", {}, "dataset=dmeo is unknown: did you mean demo"),
        ("folder", "demo", {}, "dataset.root is not set"),
        ("demo", "demo", {"metrc": "plain"}, "metrc is unknown: did you mean metric"),
        ("demo", "demo", {"metric": {"block": 1}}, "metric.block is unknown: did you mean block_s"),
        ("demo", "demo", {"tracks": 0}, "tracks=0"),
        ("demo", "dmo", {}, "dmo"),
        (3, "demo", {}, "dataset=3 is not usable"),
        ({"name": "demo", "sed": 1}, "demo", {}, "did you mean seed"),
    ],
)
def test_settings_that_cannot_be_meant(dataset, models, settings, sentence, tmp_path):
    with pytest.raises(ConfigError, match=sentence):
        stemwise.evaluate(dataset, models, tmp_path / "out", verbose=False, **settings)


@pytest.mark.usefixtures("without_ray", "unrendered")
def test_a_run_is_that_of_the_command_line(songs_folder, run_folder, tmp_path, capsys):
    dataset = {"name": "folder", "root": songs_folder}
    run = stemwise.evaluate(dataset, ["band_split", "files"], tmp_path / "run", verbose=False)
    assert capsys.readouterr().out == ""
    same = stemwise.open_run(run_folder)
    assert_frame_equal(run.scores.drop(TIMES), same.scores.drop(TIMES))
    assert run.failures.is_empty()
    assert not GlobalHydra.instance().is_initialized()
    again = stemwise.evaluate(dataset, ["band_split", "files"], str(tmp_path / "run"))
    assert "2 of 2 tracks are finished already." in capsys.readouterr().out
    assert again.scores.equals(run.scores)
