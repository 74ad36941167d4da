"""A stem of every kind of ensemble, served: its samples are those that the benchmark measures."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from torch import Tensor

from stemwise.evaluation.ensemble import blended
from stemwise.evaluation.outputs import Output
from stemwise.evaluation.rows import Origin
from stemwise.separation.ensembles.kinds import get_kind, kinds
from stemwise.separation.ensembles.spec import parse
from stemwise.separation.recipe import Recipe
from stemwise.serving.jobs import results
from stemwise.serving.jobs.records import Status

from ..local import CHUNK, GainModel, World, bench

MODELS = {"a": 0.3, "b": -0.8, "c": 1.5}
# those of all stems have tests of their own
KINDS = tuple(kind for kind in kinds() if not get_kind(kind).stems)


class Bent(GainModel):
    """Every stem is x + bend·x·|x|, so that models differ from bin to bin."""

    def __init__(self, bend: float) -> None:
        super().__init__(dict.fromkeys(KINDS, 1.0))
        self._bend = bend

    def forward(self, chunks: Tensor) -> Tensor:
        return super().forward(chunks + self._bend * chunks * chunks.abs())


def recipe() -> Recipe:
    bands = {"edges_hz": [900], "weights": {name: [0.3, 0.5] for name in MODELS}}
    values = {
        kind: parse(
            {"kind": kind, "models": list(MODELS), **(bands if kind == "bands" else {})}, kind
        )
        for kind in KINDS
    }
    return Recipe("kinds", values, remainder="rest")


def test_served_stems_are_those_that_the_benchmark_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    length = 3 * CHUNK + 77
    mixture = np.random.default_rng(0).uniform(-0.5, 0.5, (2, length)).astype(np.float32)
    world = World({name: Bent(bend) for name, bend in MODELS.items()})
    made = recipe()
    with bench(tmp_path, {"kinds": made}, world) as up:
        up.submit(mixture)
        up.runner()
        job = up.final()
        assert job.status is Status.SUCCEEDED
        served = {
            stem: soundfile.read(
                up.files.local(results.stem_key("job", stem, "wav")), dtype="float32"
            )
            for stem in (*KINDS, "rest")
        }
    outputs = {name: output_of(name, world, mixture) for name in MODELS}
    measured = blended(made, outputs, mixture)
    assert measured.error is None and measured.read is not None
    for stem, (samples, _) in served.items():
        if stem == "rest":  # the order of its sum is another
            np.testing.assert_allclose(samples.T, measured.read(stem), atol=1e-5)
        else:
            np.testing.assert_array_equal(samples.T, measured.read(stem), err_msg=stem)
    facts = {item["stem"]: item for item in job.result["results"]}
    assert facts["median"]["kind"] == "median"
    assert facts["median"]["models"] == dict.fromkeys(MODELS)


def output_of(name: str, world: World, mixture: np.ndarray) -> Output:
    stems = tuple(KINDS)
    estimates = world.separators[name](mixture).numpy()
    return Output(stems, Origin(name), lambda stem: estimates[stems.index(stem)])
