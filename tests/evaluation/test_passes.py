"""Models in groups, one pass each: the tables are those of one pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from stemwise.cli import main
from stemwise.core.errors import ConfigError
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.passes import known_before, passes
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.work import Work
from stemwise.models.registry import get, prepare
from stemwise.models.spec import GpuMemory
from stemwise.storage import tables

from ..models.test_demucs import content
from .test_overlap import TIMES


def work_of(names, folder: Path, **memory: float) -> Work:
    models = []
    for name in names:
        ready = prepare(get(name))
        size = GpuMemory(weights_gb=memory.get(name, 1.0), pass_gb=1.0, source="estimated")
        models.append(replace(ready, spec=replace(ready.spec, gpu_memory=size)))
    return Work(
        tracks=(),
        fingerprints={},
        models=models,
        files=(),
        metric=MetricSettings(),
        store=folder / "store",
        parts=folder / "parts",
    )


def test_groups_become_passes_and_the_last_one_is_the_run(tmp_path):
    work = work_of(["band_split", "hpss", "repet_sim"], tmp_path, hpss=2.0)
    assert passes(work, None, None) == [work]
    assert passes(work, 80.0, None) == [work]
    first, second = passes(work, 4.0, None)
    assert not first.last and first.parts != work.parts and first.recipes == ()
    assert second.last and second.parts == work.parts and second.models == work.models
    assert set(first.loaded) | set(second.loaded) == {"band_split", "hpss", "repet_sim"}
    assert not set(first.loaded) & set(second.loaded)
    assert [model.spec.name for model in first.models] == list(first.loaded)
    assert second.before == first.parts and first.before is None
    assert passes(work, 4.0, None)[0].parts == first.parts  # a resumed run finds them


def test_the_first_pass_knows_nothing(tmp_path):
    assert known_before(work_of(["hpss"], tmp_path), None) is None  # type: ignore[arg-type]


def test_no_memory_is_refused():
    with pytest.raises(ConfigError, match="gpu_memory_gb=0"):
        ClusterSettings(gpu_memory_gb=0)


@pytest.mark.ray
@pytest.mark.faults
@pytest.mark.usefixtures("session_ray")
def test_passes_change_no_table(songs, tmp_path: Path, monkeypatch):
    """With a model that cannot be loaded, one that tells its stems only then, and a level 2."""
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    root = songs(2)
    torch.save(content("demucs-v3"), tmp_path / "own.th")
    broken = content("demucs-v3")
    broken["state"].popitem()
    torch.save(broken, tmp_path / "broken.th")
    large = "gpu_memory: {weights_gb: 1.2, pass_gb: 0.4, source: estimated}"
    models = (
        f"models=[{{name: own, base: demucs_package, checkpoint: {tmp_path}/own.th, {large}}},"
        f"{{name: broken, base: demucs_package, checkpoint: {tmp_path}/broken.th, {large}}},"
        f"{{name: splits, base: band_split, {large}}},"
        f"{{name: splitter, base: band_split, parent: drums, {large}}}]"
    )
    found = []
    for place, memory in enumerate(("null", "4")):
        output = tmp_path / f"run-{place}"
        given = [f"dataset.root={root}", f"output={output}", models, "cluster.actors=1"]
        settings = [f"cluster.gpu_memory_gb={memory}", f"cluster.measurers={place}"]
        assert main(["evaluate", "dataset=folder", *given, *settings]) == 3
        assert len(list(output.glob("passes/*"))) == place
        found.append({name: tables.read(output / "tables", name) for name in tables.ALWAYS})
    for name, frame in found[0].items():
        columns = [column for column in frame.columns if column not in TIMES]
        assert frame.select(columns).equals(found[1][name].select(columns)), name
    assert set(found[1]["scores"].filter(pl.col("model") == "broken")["status"]) == {"failed"}
