"""The training job: songs, steps, a restart, and a checkpoint that the zoo loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stemwise.jobs.train_demo_zoo import main
from stemwise.models.registry import build, prepare, resolve
from stemwise.separation.separator import Separator


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the first job that needs songs makes them, for all."""
    return f"song_folder={tmp_path_factory.mktemp('songs')}"


def train(output: Path, *overrides: str) -> int:
    small = ["songs=6", "validation_songs=6", "duration_s=2", "workers=1", "device=cpu"]
    short = ["training.batch_size=1", "training.seconds=1", "training.validation_examples=1"]
    return main(["training=demo_karaoke", f"output={output}", *small, *short, *overrides])


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
    np.testing.assert_allclose(separator(sound).sum(0).numpy(), sound, atol=1e-6)


def test_wrong_settings_are_refused(songs: str, tmp_path: Path, capsys):
    wrong = ("training.steps=0", "songs=0", "device=cuda:99", "training.clip=x", "seed=x")
    wrong += ("threads=-2", "training.seconds=abc", "training.seconds=100", "training.network=5")
    for override in (*wrong, "training.model=hpss"):
        assert train(tmp_path, songs, override) == 2, override
        assert "Traceback" not in capsys.readouterr().err
    assert main([f"output={tmp_path}"]) == 2
    assert "training" in capsys.readouterr().err
