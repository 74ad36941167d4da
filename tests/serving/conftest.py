"""The service of the session (a real Ray), and songs to send to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ..scheduling import Closers
from .running import Running, running

RATE = 44_100
# Small enough to be reached by tests, large enough not to disturb them.
LIMITS = (
    "limits.max_upload_mb=20",
    "limits.max_duration_s=60",
    "limits.max_unfinished=6",
    "jobs.lease_s=4",
    "separator.threads=1",
    # on a CPU the defaults let no chunks of two songs meet
    "separator.max_batch=4",
    "ensemble.turns=8",
    "ensemble.jobs_per_replica=4",
)


# of models that the recipe `demo` has too
CASCADE = """
name: cascade
tiers:
  - name: fast
    stems: {vocals: {demo_scnet: 1.0}, drums: {demo_scnet: 1.0}}
  - name: best
    stems: {vocals: {demo_scnet: 0.5, demo_htdemucs: 0.5}, drums: {demo_htdemucs: 1.0}}
"""


def tones(seconds: float, seed: int = 0) -> np.ndarray:
    """Return `(samples, 2)` of tones, noise and clicks."""
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    sound = 0.2 * np.sin(2 * np.pi * (220 + 30 * seed) * time)[:, None]
    clicks = 0.3 * (np.sin(2 * np.pi * 3 * time) > 0.99)[:, None]
    return (sound + clicks * generator.standard_normal((len(time), 2)) * 0.5).astype(np.float32)


def song_file(path: Path, seconds: float = 4.0, seed: int = 0) -> Path:
    """Write a song and return its path."""
    soundfile.write(
        path, tones(seconds, seed), RATE, subtype="FLOAT" if path.suffix == ".wav" else None
    )
    return path


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, closers: Closers) -> Iterator[Running]:
    """Serve the demo zoo once for all tests that need it."""
    pytest.importorskip("ray.serve")
    folder = tmp_path_factory.mktemp("service")
    settings = [text for limit in LIMITS for text in ("--set", limit)]
    cascade = folder / "cascade.yaml"
    cascade.write_text(CASCADE)
    recipes = ("--recipe", "demo", "--recipe", "demo_scnet", "--recipe", str(cascade))
    with running(folder, *recipes, *settings) as up:
        closers.add(up.end)
        yield up


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Return a song of four seconds."""
    return song_file(tmp_path / "song.wav")
