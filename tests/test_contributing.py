"""The examples of CONTRIBUTING.md, written to a folder as they are printed there and used together."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import soundfile

from stemwise.cli import main
from stemwise.core import config_dirs
from stemwise.evaluation import pipeline
from stemwise.models.registry import prepare, resolve
from stemwise.storage import tables

from . import in_this_process
from .conftest import RATE, leave_figures_unrendered

PAGE = Path(__file__).resolve().parent.parent / "CONTRIBUTING.md"
BLOCK = re.compile(r"^```(?:python|yaml)\n(# (\S+)\n.*?)^```$", re.MULTILINE | re.DOTALL)
# what a song's other is in the left channel, of the voice in both
LEVELS = (0.5, 0.25, 2.0)
WIDE = "{name: wide, base: centre, settings: {width: 0.5}}"
# of the voice, whose estimate has (1 + width)/2 and (1 − width)/2 of the other in its channels
LOST = {"centre": (0.5, 0.5), "wide": (0.75, 0.25), "ensemble:midrange": (0.625, 0.375)}


def write_examples(folder: Path) -> Path:
    """Write the blocks of CONTRIBUTING.md that begin with the name of a file; return their conf/."""
    for text, name in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "conf"


def write_songs(root: Path) -> None:
    """Write a voice in the centre and another sound in the left channel only, at right angles."""
    time = np.arange(RATE) / RATE
    voice, other = (np.sin(2 * np.pi * hertz * time) for hertz in (300, 500))
    for stem in ("vocals", "other"):
        (root / stem).mkdir(parents=True)
    for number, level in enumerate(LEVELS):
        sounds = {
            "vocals": np.stack([0.1 * voice, 0.1 * voice], axis=1),
            "other": np.stack([0.1 * level * other, 0 * other], axis=1),
        }
        for stem, sound in sounds.items():
            file = root / stem / f"Singer {number} - Song.wav"
            soundfile.write(file, sound, RATE, subtype="FLOAT")


def vocals_snr(model: str, level: float) -> float:
    """‖v‖² is 2 in both channels together, where the other has `level`²."""
    return 10 * np.log10(2 / (level**2 * sum(part**2 for part in LOST[model])))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory):
    """A run with all examples at once; the environment is as before afterwards."""
    folder = tmp_path_factory.mktemp("mine")
    conf = write_examples(folder)
    write_songs(folder / "songs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(config_dirs.VARIABLE, "")
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(pipeline, "run", in_this_process.run)
        leave_figures_unrendered(patch)
        given = [
            "evaluate",
            "--config-dir",
            os.path.relpath(conf),
            "dataset=stem_folders",
            f"dataset.root={folder / 'songs'}",
            f"models=[centre,{WIDE}]",
            "metric=plain",
            "metric.extra=[level]",
            "selection=smaller",
            "decision=proportional",
            "ensembles=[midrange]",
            f"output={folder / 'run'}",
        ]
        assert main(given) == 0
        yield folder


def test_every_example_is_used(finished: Path):
    written = {path.relative_to(finished).as_posix() for path in finished.glob("conf/*/*.yaml")}
    groups = {"model", "dataset", "extra_metrics", "selection", "decision", "ensemble"}
    assert {name.split("/")[1] for name in written} == groups and len(written) == len(groups)


def test_dataset_model_metric_and_rule_in_closed_form(finished: Path):
    scores = tables.read(finished / "run" / "tables", "scores").filter(pl.col("stem") == "vocals")
    found = {(row["track_id"], row["model"]): row for row in scores.iter_rows(named=True)}
    for number, level in enumerate(LEVELS):
        for model in LOST:
            row = found[f"singer-{number}-song", model]
            assert (row["dataset"], row["parent"]) == ("stem_folders", "mixture")
            assert row["snr"] == pytest.approx(vocals_snr(model, level), abs=1e-4)
            louder = 10 * np.log10(1 + 10 ** (-row["snr"] / 10))
            assert row["level"] == pytest.approx(-louder, abs=1e-4)
            assert row["score"] == min(row["paper_snr"], row["paper_sdr"])
    chosen = tables.read(finished / "run" / "tables", "selections")
    assert set(chosen["rule"]) == {"smaller"}
    assert set(chosen.filter(pl.col("stem") == "vocals")["model"]) == {"centre"}


def test_the_columns_of_own_metrics_are_defined(finished: Path):
    file = finished / "run" / "tables" / "scores" / "scores.parquet"
    metadata = pq.read_schema(file).field("level").metadata
    assert metadata[b"unit"] == b"dB" and b"negative number" in metadata[b"description"]


def test_the_strategy_weighs_models_by_their_mean_power_ratios(finished: Path):
    front = tables.read(finished / "run" / "tables", "front").filter(pl.col("stem") == "vocals")
    (both,) = front.filter(pl.col("step") == 2).to_dicts()
    scores = tables.read(finished / "run" / "tables", "scores").filter(pl.col("stem") == "vocals")
    means = [scores.filter(pl.col("model") == name)["score"].mean() for name in both["models"]]
    ratios = 10 ** (np.array(means) / 10)
    assert both["weights"] == pytest.approx(ratios / ratios.sum(), abs=1e-6)
    assert both["models"] == ["centre", "wide"] and both["weights"][0] > 0.5


def test_the_ensemble_stands_beside_the_blend(finished: Path):
    kinds = tables.read(finished / "run" / "tables", "kinds").filter(pl.col("stem") == "vocals")
    rows = {row["kind"]: row for row in kinds.iter_rows(named=True)}
    assert set(rows) == {"best_single", "mean", "blend", "midrange"}
    assert rows["midrange"]["models"] == ["centre", "wide"]
    # of two models the mean of the extremes is the mean
    assert rows["midrange"]["gain"] == pytest.approx(rows["mean"]["gain"], abs=1e-6)


def test_a_run_asks_for_the_folder_that_it_used(finished: Path, monkeypatch, capsys):
    config = json.loads((finished / "run" / "config.json").read_text())
    assert config["resolved"]["config_dirs"] == [str(finished / "conf")]
    monkeypatch.setenv(config_dirs.VARIABLE, "")
    assert main(["report", f"output={finished / 'run'}"]) == 1
    assert f"--config-dir {finished / 'conf'}" in capsys.readouterr().err


def test_an_own_model_is_another_one_when_its_file_changes(finished: Path):
    before = prepare(resolve("centre")).identity
    file = finished / "my_model.py"
    text = file.read_text()
    file.write_text(text + "\n# changed\n")
    assert prepare(resolve("centre")).identity != before
    file.write_text(text)
    assert prepare(resolve("centre")).identity == before
