"""Songs of half a second, and models that do what a test tells them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import soundfile
import torch

from stemwise.core.types import Reference, Source, Track
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import LoadedModel, Zoo
from stemwise.models.base import WeightlessModel
from stemwise.models.registry import ReadyModel
from stemwise.models.spec import ModelSpec
from stemwise.models.tiling import CenteredTiling
from stemwise.separation.separator import Separator
from stemwise.storage.estimates import EstimateStore

LENGTH = 22_050


@dataclass
class FakeModel(WeightlessModel):
    """Every stem is the mixture times its gain, unless `function` says otherwise."""

    gains: dict[str, float] = field(default_factory=lambda: {"vocals": 0.5, "drums": 0.25})
    function: object = None
    uses_references: bool = False
    calls: int = 0

    def __post_init__(self):
        self.stems = () if self.uses_references else tuple(self.gains)
        self.tiling = CenteredTiling(8000)

    def forward(self, chunks):
        self.calls += 1
        if self.function is not None:
            return self.function(chunks)
        return torch.stack([gain * chunks for gain in self.gains.values()], dim=1)


@pytest.fixture
def model():
    """Return a maker of loaded models: (name, gains, function, …) → (LoadedModel, FakeModel)."""

    def make(name, gains=None, function=None, *, identity=None, uses_references=False):
        options = {} if gains is None else {"gains": gains}
        fake = FakeModel(function=function, uses_references=uses_references, **options)
        spec = ModelSpec(name, "a.test", "a test", stems=fake.stems)
        ready = ReadyModel(spec, (), identity or f"identity of {name}")
        return LoadedModel(ready, Separator(fake, "cpu")), fake

    return make


def sine(periods, amplitude=0.25, length=LENGTH):
    """Whole periods: sines of different numbers are orthogonal; the right side is half as loud."""
    wave = amplitude * np.sin(2 * np.pi * periods * np.arange(length) / length)
    return np.stack([wave, 0.5 * wave]).astype(np.float32)


@pytest.fixture
def signal():
    return sine


@pytest.fixture
def song(tmp_path):
    """Return a maker of tracks: stems, the mixture and estimates are arrays, paths, or None.

    A path is taken as it is, whatever lies there; the mixture is the sum of stems unless given.
    """
    folder = tmp_path / "song"

    def write(where, content):
        path = folder / where
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            soundfile.write(path, content.T, 44_100, subtype="FLOAT")
        return Source(path)

    def make(stems=None, *, mixture=None, estimates=None, partition=None, statuses=None, **facts):
        stems = stems or {"vocals": sine(50), "drums": sine(100)}
        whole = sum(s for s in stems.values() if isinstance(s, np.ndarray))
        references = {
            stem: Reference(
                stem,
                (write(f"{stem}.wav", content),),
                status=(statuses or {}).get(stem, "ok"),
            )
            for stem, content in stems.items()
        }
        files = {
            name: {
                stem: write(f"estimates/{name}/{stem}.wav", content)
                for stem, content in group.items()
            }
            for name, group in (estimates or {}).items()
        }
        return Track(
            dataset="test",
            track_id="song",
            title="A Song",
            partition=partition or tuple(stems),
            references=references,
            mixture=write("mixture.wav", whole if mixture is None else mixture),
            estimates=files,
            **facts,
        )

    return make


@pytest.fixture
def store(tmp_path):
    return EstimateStore(tmp_path / "store")


@pytest.fixture
def evaluate(store):
    """Return a function (track, models, …) → TrackResult."""

    def run(track, *models, files=(), metric=None, place=store, notify=lambda *_: None):
        evaluator = TrackEvaluator(
            Zoo(list(models)), place, metric or MetricSettings(), files, notify
        )
        return evaluator(track)

    return run
