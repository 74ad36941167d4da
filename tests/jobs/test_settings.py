"""Settings are typed at the door of every job: one sentence and exit code 2, or one frozen object."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import hydra
import pytest
from hydra.core.hydra_config import HydraConfig
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.cli import main
from stemwise.core.config import conf_dir
from stemwise.core.errors import ConfigError, OutputError
from stemwise.evaluation.settings import MetricSettings
from stemwise.jobs import saved_run, train_demo_zoo
from stemwise.jobs.import_settings import ImportSettings
from stemwise.jobs.overrides import complaint, plain
from stemwise.jobs.saved_run import Resolved
from stemwise.jobs.settings import EvaluateSettings, FitSettings, ReportSettings
from stemwise.jobs.train_demo_zoo import TrainSettings
from stemwise.jobs.typed import read, written

Job = Callable[[list[str]], int]
JOBS: dict[str, Job] = {
    **{
        name: lambda given, name=name: main([name, *given])  # type: ignore[misc]
        for name in ("evaluate", "run-separate", "measure", "report", "fit", "import-scores")
    },
    "train": train_demo_zoo.main,
}
ON_SONGS = ("evaluate", "run-separate", "measure")
KINDS: dict[str, type[Any]] = {
    "evaluate": EvaluateSettings,
    "report": ReportSettings,
    "fit": FitSettings,
    "import_scores": ImportSettings,
    "train_demo_zoo": TrainSettings,
}


@cache
def composed(name: str, *overrides: str) -> Any:
    """Return what Hydra composes, as plain values."""
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = hydra.compose(name, list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    del config.hydra
    return plain(config)


def said(name: str, *overrides: str) -> str:
    """Return the sentence with which overrides are refused: by what they name, or by their types."""
    needed = ["training=demo_karaoke"] if name == "train_demo_zoo" else []
    given = [*needed, "output=x", *overrides]
    found = complaint(name, KINDS[name], given)
    if found is None:
        with pytest.raises(ConfigError) as caught:
            read(KINDS[name], composed(name, *given))
        found = str(caught.value)
    assert found.endswith(".") and "\n" not in found
    return found


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("kind", ["type", "key", "missing"])
def test_every_job_refuses_with_one_sentence(tmp_path, capsys, job, kind):
    """It names the key and the value, exits with 2, and has not done anything yet."""
    output = tmp_path / "run"
    wrong = "selection.seed=true" if job not in ("import-scores", "train") else "seed=true"
    typed, usual = (["training=demo_karaoke"] if job == "train" else []), f"output={output}"
    lacking = ["dataset=folder", usual] if job in ON_SONGS else []
    given, says = {
        "type": ([*typed, usual, wrong], f"{wrong} is not usable: give a whole number."),
        "key": ([*typed, usual, "outptu=x"], "outptu is unknown: did you mean output? "),
        "missing": (lacking, " is not set: "),
    }[kind]
    assert JOBS[job](given) == 2
    printed = capsys.readouterr()
    assert not printed.out and not output.exists()
    (line,) = printed.err.strip().splitlines()
    assert line.startswith("Error: ") and line.endswith(".") and says in line


@pytest.mark.parametrize(
    ("name", "override", "says"),
    [
        ("report", "metric.block_s=.nan", "metric.block_s=.nan is not usable: give a number."),
        ("report", "metric.block_s=inf", "metric.block_s=inf is not usable: give a number."),
        ("report", "metric.museval=1", "metric.museval=1 is not usable: give true or false."),
        (
            "report",
            "selection.draws=1.5",
            "selection.draws=1.5 is not usable: give a whole number.",
        ),
        ("report", "selection.rule=[a]", "selection.rule=['a'] is not usable: give a name."),
        ("report", "+metric.by_stem.bass=[snr]", "=['snr'] is not usable: give a list of 2 names."),
        (
            "report",
            "metric.paper_snr=sisdr",
            "'sisdr' is not a score: did you mean si_sdr? use one",
        ),
        ("report", "metric.extra=x", "metric.extra=x is not usable: give a list of names."),
        (
            "evaluate",
            "cluster.actors='2'",
            "cluster.actors=2 is not usable: give a whole number or",
        ),
        ("evaluate", "cluster.track_timeout_s=soon", "give a number, auto or null."),
        ("evaluate", "tracks=true", "tracks=true is not usable: give null for all, a number"),
        ("evaluate", "models=[null]", "models=[None] is not usable: give a name, a set"),
        (
            "evaluate",
            "store.root=[a]",
            "store.root=['a'] is not usable: give a folder or a URI, or",
        ),
        (
            "evaluate",
            "dataset.songs_per_genre=x",
            "dataset.songs_per_genre=x is not usable: give a",
        ),
        (
            "evaluate",
            "dataset.genres=pop",
            "dataset.genres=pop is not usable: give a list of names",
        ),
        ("evaluate", "device=null", "device=null is not usable: give a name."),
        (
            "evaluate",
            "precision=bf61",
            "precision=bf61 is not usable: did you mean bf16? give auto, fp32, tf32, bf16 or fp16, or",
        ),
        ("evaluate", "precision={scnet: half}", "is not usable: give auto, fp32, tf32, bf16 or "),
        ("evaluate", "recipes={a: b}", "recipes takes another kind of value."),
        ("fit", "models=[{a: b}]", "models=[{'a': 'b'}] is not usable: give a name or a list"),
        ("import_scores", "min_tracks=2.5", "min_tracks=2.5 is not usable: give a whole number"),
        ("import_scores", "floor=[[a]]", "floor=[['a']] is not usable: give a name or a list"),
        (
            "train_demo_zoo",
            "training.seconds=abc",
            "training.seconds=abc is not usable: give a num",
        ),
        ("train_demo_zoo", "training.augmentation.bleed=x", "training.augmentation.bleed=x is not"),
    ],
)
def test_a_wrong_type_is_told_with_what_is_expected(name, override, says):
    assert says in said(name, override)


METRIC = "metric.blok_s is unknown: did you mean block_s? metric has protocol, "


@pytest.mark.parametrize(
    ("name", "overrides", "says"),
    [
        ("report", ["metric.blok_s=1"], METRIC),
        ("report", ["+metric.blok_s=1"], METRIC),
        ("report", ["metric={blok_s: 1}"], METRIC),
        ("report", ["~metric.blok_s"], METRIC),
        (
            "report",
            ["metrik=paper"],
            "metrik is unknown: did you mean metric? stemwise report has ",
        ),
        ("report", ["metric=papr"], "metric=papr is unknown: did you mean paper? metric has "),
        ("report", ["metric=null"], "metric=null is unknown: metric has "),
        (
            "report",
            ["metric.block_s.x=1"],
            "metric.block_s.x is unknown: metric.block_s is a single",
        ),
        (
            "evaluate",
            ["model=demo"],
            "model is unknown: did you mean models? stemwise evaluate has",
        ),
        ("evaluate", ["+dataset.song=1"], "dataset.song is unknown: did you mean songs_per_genre?"),
        # the keys of a group are those of the choice
        ("evaluate", ["dataset=folder", "dataset.rot=x"], "did you mean root? dataset has root."),
        (
            "evaluate",
            ["+store.rot=x"],
            "store.rot is unknown: did you mean root? store has root, k",
        ),
        ("evaluate", ["-m", "decision=mean,simplex", "metric.blok_s=1"], METRIC),
        (
            "evaluate",
            ["-m", "decision=mean,simplx"],
            "decision=simplx is unknown: did you mean sim",
        ),
        ("evaluate", ["-m", "metric.block_s=1,true"], "metric.block_s=true is not usable"),
        ("evaluate", ["metric.block_s=${gone}"], "metric.block_s is not usable: Interpolation key"),
        ("import_scores", ["score=sdr"], "score=sdr is not imported: did you mean museval_sdr?"),
        (
            "train_demo_zoo",
            ["training.augmentation.blead=1"],
            "did you mean bleed? training.augmen",
        ),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest(name, overrides, says):
    assert says in said(name, *overrides)


@pytest.mark.parametrize("values", [{"blok_s": 1.0}, {"block_s": True}, {"block_s": float("nan")}])
def test_a_dataclass_of_a_stage_alone_is_read_as_strictly(values):
    with pytest.raises(ConfigError, match=r"^metric\.blo"):
        read(MetricSettings, values, "metric")


@pytest.mark.parametrize("text", ["metric.block_s=[1", "models"])
def test_what_is_no_override_is_told(text):
    assert said("evaluate", text).startswith(f"{text} is not usable: write key=value")


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


def test_defaults_of_conf_and_of_the_dataclasses_agree():
    found = read(EvaluateSettings, composed("evaluate", "output=x"))
    silent = EvaluateSettings(output="x", dataset=found.dataset, models="demo")
    chosen = found.hierarchy  # whose parents stand in conf/ to be seen, and are null
    assert set(chosen.parents.values()) == {None}
    assert dataclasses.replace(found, hierarchy=silent.hierarchy) == silent
    assert chosen.sources == silent.hierarchy.sources
    report = read(ReportSettings, composed("report", "output=x"))
    assert report == ReportSettings(output="x")
    assert read(FitSettings, composed("fit", "output=x")) == FitSettings(output="x")
    assert read(ImportSettings, composed("import_scores", "output=x")).seed == 0


@pytest.mark.parametrize("training", [name for name in options("training") if name != "base"])
def test_every_training_parses(training):
    found = read(TrainSettings, composed("train_demo_zoo", f"training={training}"))
    assert found.training.model == training
    assert read(TrainSettings, written(found)) == found


CHOICES = st.fixed_dictionaries(
    {
        group: st.sampled_from(options(group))
        for group in ("dataset", "metric", "selection", "decision", "cluster")
    }
)
NAMES = st.text("abcxyz_0123", min_size=1)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "models": NAMES | st.lists(NAMES | st.just({"name": "mine", "base": "hpss"}), min_size=1),
        "recipes": st.lists(NAMES),
        "tracks": st.none() | st.integers(1, 10**9) | st.lists(NAMES, min_size=1),
        "store": st.none()
        | NAMES
        | st.fixed_dictionaries({"keep": st.sampled_from(["all", "none"])}),
        "hierarchy": st.fixed_dictionaries(
            {
                "parents": st.none() | st.dictionaries(st.sampled_from(["vocals", "drums"]), NAMES),
                "sources": st.lists(st.sampled_from(["estimate", "reference"]), min_size=1),
            }
        ),
    },
)
SECONDS = st.integers(1, 10**6) | st.floats(1e-3, 1e6)


@settings(deadline=None, max_examples=25)
@given(choices=CHOICES, values=GIVEN, block_s=SECONDS, dbfs=st.floats(-200, 0))
def test_whatever_conf_composes_is_read_and_comes_back_from_config_json(
    tmp_path_factory, choices, values, block_s, dbfs
):
    root = "dataset.root=/songs" if choices["dataset"] != "demo" else "dataset.seed=3"
    content = composed("evaluate", *(f"{k}={v}" for k, v in choices.items()), root) | values
    content["metric"] = content["metric"] | {"block_s": block_s, "silence_dbfs": dbfs}
    found = read(EvaluateSettings, content)
    assert found.metric.block_s == block_s and isinstance(found.metric.block_s, float)
    resolved = Resolved({"mine": {"name": "mine", "base": "hpss"}}, {"recipe:x": {"mine": 1.0}})
    folder = tmp_path_factory.getbasetemp()
    saved_run.save(folder, found, resolved)
    assert saved_run.load(folder) == (found, resolved)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.device = "cpu"  # type: ignore[misc]


def test_what_is_written_is_what_was_composed():
    content = composed("evaluate", "output=x")
    assert written(read(EvaluateSettings, content)) == content


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cluster": {"workers": 3}}, "cluster.workers is unknown"),
        ({"dataset": {"_target_": "stemwise.datasets.old.Old"}}, "there is no such class"),
        ({"resolved": {"names": {}}}, "resolved.names is unknown"),
    ],
)
def test_a_run_of_another_version_is_told_and_refused(tmp_path, change, says):
    found = read(EvaluateSettings, composed("evaluate", "output=x"))
    saved_run.save(tmp_path, found, Resolved())
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(OutputError, match=f"another version.*{says}.*estimates are kept"):
        saved_run.load(tmp_path)


def test_a_run_from_before_a_setting_existed_has_its_default(tmp_path):
    """Runs of the first version named the store by its path, and knew neither recipes nor levels."""
    found = read(EvaluateSettings, composed("evaluate", "output=x"))
    saved_run.save(tmp_path, found, Resolved())
    path = tmp_path / "config.json"
    content = json.loads(path.read_text()) | {"store": "/kept"}
    for key in ("resolved", "recipes", "hierarchy", "decision", "cluster"):
        del content[key]
    del content["metric"]["engine"]
    path.write_text(json.dumps(content))
    again, resolved = saved_run.load(tmp_path)
    assert again.store.root == "/kept" and resolved == Resolved()
    assert (again.metric, again.recipes, again.cluster) == (found.metric, (), found.cluster)
