"""The training job: songs, steps, a restart, and a checkpoint that the zoo loads."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from stemwise.core.config import conf_dir, load_yaml
from stemwise.jobs.train_demo_zoo import main, warm_start
from stemwise.models.registry import build, get, model_class, prepare, resolve
from stemwise.separation.separator import Separator


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the first job that needs songs makes them, for all."""
    return f"song_folder={tmp_path_factory.mktemp('songs')}"


def train(output: Path, *overrides: str) -> int:
    small = ["songs=6", "validation_songs=6", "duration_s=2", "workers=1", "device=cpu"]
    short = ["training.batch_size=1", "training.seconds=1", "training.validation_examples=1"]
    # which needs no weights
    quick = ["training.parent_model=band_split", "training.augmentation.estimated=0.5"]
    return main(["training=demo_karaoke", f"output={output}", *small, *short, *quick, *overrides])


def test_a_model_is_trained_resumed_and_loaded(songs: str, tmp_path: Path, capsys):
    assert train(tmp_path, songs, "training.steps=2") == 0
    assert "from step 0" in capsys.readouterr().out
    assert train(tmp_path, songs, "training.steps=3") == 0
    printed = capsys.readouterr().out
    assert "from step 2" in printed and "sha256: " in printed and "validation" in printed
    path = tmp_path / "demo_karaoke" / "demo_karaoke.safetensors"
    spec = resolve({"name": "mine", "base": "demo_karaoke", "checkpoint": str(path)})
    separator = Separator(build(prepare(spec)), "cpu", residual=spec.residual)
    assert separator.stems_for() == ("lead_vocals", "backing_vocals")
    sound = np.random.default_rng(0).normal(0, 0.1, (2, 44_100)).astype(np.float32)
    made = separator(sound)
    assert made.shape == (2, 2, 44_100) and made.isfinite().all() and made.any()
    with (tmp_path / "demo_karaoke" / "stems.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["stem"] for row in rows} == set(spec.stems)


@pytest.mark.parametrize("name", ["demo_scnet", "demo_drumsep"])
def test_a_warm_start_is_the_checkpoint_that_the_zoo_loads(name: str):
    spec = get(name)
    model = build(prepare(spec))
    network = (
        spec.settings.get("network")
        or load_yaml(conf_dir() / "training" / f"{name}.yaml")["network"]
    )
    made = model_class(spec).untrained(spec.stems, network)
    warm_start(made, spec, "package", spec.stems)
    for (key, theirs), ours in zip(
        model.network.state_dict().items(), made.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=0, rtol=0, msg=key)


def test_wrong_settings_are_refused(songs: str, tmp_path: Path, capsys):
    wrong = ("training.steps=0", "songs=0", "device=cuda:99", "training.clip=x", "seed=x")
    wrong += ("threads=-2", "training.seconds=abc", "training.seconds=100", "training.network=5")
    wrong += ("training.parent_model=null",)
    wrong += ("training.weights={toms: 2}", "training.parent_model=demo_melbandd")
    for override in (*wrong, "training.model=hpss"):
        assert train(tmp_path, songs, override) == 2, override
        assert "Traceback" not in capsys.readouterr().err
    assert main([f"output={tmp_path}"]) == 2
    assert "training" in capsys.readouterr().err
