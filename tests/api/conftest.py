"""One small run for the tests of the Python API, evaluated in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.evaluation import pipeline

from .. import in_this_process
from ..conftest import RATE, STEMS, leave_figures_unrendered, make_song
from ..jobs.runs import evaluate


def add_estimates(song: Path) -> None:
    """Write other tools' estimates of vocals: 0.25·hot + 0.75·cold is the truth."""
    vocals, _ = soundfile.read(song / "vocals.wav", dtype="float32")
    noise = 0.05 * np.random.default_rng(9).standard_normal(vocals.shape).astype(np.float32)
    for tool, estimate in {"hot": vocals + 3 * noise, "cold": vocals - noise}.items():
        folder = song / "estimates" / tool
        folder.mkdir(parents=True)
        soundfile.write(folder / "vocals.wav", estimate, RATE, subtype="FLOAT")


@pytest.fixture(scope="module")
def songs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("api") / "songs"
    for number in range(2):
        add_estimates(make_song(root / f"song-{number}", number))
    return root


@pytest.fixture(scope="module")
def run_folder(songs_folder: Path) -> Path:
    output = songs_folder.parent / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "run", in_this_process.run)
        leave_figures_unrendered(patch)
        assert evaluate(songs_folder, output, "models=[band_split,files]") == 0
    return output


@pytest.fixture
def song() -> dict[str, np.ndarray]:
    """Return the stems of half a second of sines and noise, `(2, samples)`."""
    generator = np.random.default_rng(1)
    time = np.arange(RATE // 2) / RATE
    found = {}
    for number, stem in enumerate(STEMS):
        wave = 0.2 * np.sin(
            2 * np.pi * 110 * (number + 1) * time
        ) + 0.02 * generator.standard_normal((2, len(time)))
        found[stem] = wave.astype(np.float32)
    return found
