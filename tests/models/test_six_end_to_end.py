"""All six models of the paper through the real commands, on real songs, with format-true checkpoints.

The checkpoints are of reduced size and random, so nothing is said here about how well they separate.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
import yaml

from stemwise import audio
from stemwise.cli import main
from stemwise.core.stems import MIXTURE
from stemwise.core.types import Source
from stemwise.models.registry import get
from stemwise.storage import tables

from .official_checkpoints import NAMES, SMALL, content_of, entry, file_name, network_of

pytest.importorskip("pymss_core")
pytestmark = pytest.mark.usefixtures("home")
LEVEL2 = {"drumsep": "drums", "melband_roformer_karaoke": "vocals"}


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """Write six checkpoints and an entry YAML for each; return the entries' paths."""
    paths = []
    for name in NAMES:
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        checkpoint = folder / file_name(name)
        torch.save(content_of(name, network_of(name, SMALL[name])), checkpoint)
        made = entry(name, checkpoint) | {"name": f"small_{name}"}
        if name in LEVEL2:
            made["stems"] = list(get(name).stems)
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(made))
        paths.append(str(path))
    return paths


def cut(source: Path, target: Path, seconds: float, stream: int | None = None) -> None:
    samples = audio.load(Source(source, stream))[:, : int(seconds * 44_100)]
    target.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(target, samples.T, 44_100, subtype="FLOAT")


def run(command: str, root: Path, output: Path, models: list[str], *overrides: str) -> int:
    listed = f"models=[{','.join(models)}]"
    return main(
        [command, "dataset=folder", f"dataset.root={root}", f"output={output}", listed, *overrides]
    )


@pytest.mark.ray
@pytest.mark.usefixtures("session_ray")
def test_all_six_separate_a_real_song(models, real_data, tmp_path, capsys):
    song = sorted((real_data / "musdb18-7" / "train").glob("*.stem.mp4"))[0]
    for stream, stem in enumerate((MIXTURE, "drums", "bass", "other", "vocals")):
        cut(song, tmp_path / "songs" / "real" / f"{stem}.wav", 2.0, stream)
    parents = ("hierarchy.parents.drums=small_scnet_large",)
    assert run("run-separate", tmp_path / "songs", tmp_path / "run", models, *parents) == 0
    estimates = tables.read(tmp_path / "run" / "tables", "estimates")
    assert set(estimates["status"]) == {"ok"}
    made = {
        (row["model"].removeprefix("small_"), row["parent"], row["parent_source"], row["stem"])
        for row in estimates.iter_rows(named=True)
    }
    expected = {
        (name, MIXTURE, MIXTURE, stem)
        for name in NAMES
        if name not in LEVEL2
        for stem in get(name).stems
    }
    for name, parent in LEVEL2.items():
        stems = (*get(name).stems, *filter(None, [get(name).residual]))
        expected |= {(name, parent, s, stem) for s in ("estimate", "reference") for stem in stems}
    assert made == expected
    # lead and backing vocals add up to the vocals that were heard
    voices = estimates.filter(pl.col("parent") == "vocals", pl.col("parent_source") == "reference")
    total = sum(soundfile.read(row["uri"])[0] / row["gain"] for row in voices.iter_rows(named=True))
    true, _ = soundfile.read(tmp_path / "songs" / "real" / "vocals.wav")
    assert np.abs(total - true).max() < 1e-5


@pytest.mark.usefixtures("without_ray")
def test_drums_of_a_real_recording_are_taken_apart_and_scored(models, real_data, tmp_path, capsys):
    clip = sorted(path for path in (real_data / "stemgmd").iterdir() if path.is_dir())[0]
    for stem in (MIXTURE, "kick", "snare", "toms", "hihat", "cymbals"):
        cut(next(clip.glob(f"{stem}.*")), tmp_path / "clips" / "a" / f"{stem}.wav", 3.0)
    drumsep = [path for path in models if "drumsep" in path]
    assert run("evaluate", tmp_path / "clips", tmp_path / "run", drumsep) == 0
    scores = tables.read(tmp_path / "run" / "tables", "scores")
    below = scores.filter(pl.col("parent") == "drums", pl.col("model") == "small_drumsep")
    # this model's cymbals include the hi-hat, which the recording tells apart
    assert set(below["stem"]) == {"kick", "snare", "toms", "hihat+cymbals"}
    assert set(below["parent_source"]) == {"reference"}
    printed = capsys.readouterr().out
    assert "worth deploying" in printed and "small_drumsep" in printed
