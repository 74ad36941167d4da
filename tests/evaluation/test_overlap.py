"""Measuring in processes of their own changes nothing but when it is done."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import soundfile
import torch

from stemwise.cli import main
from stemwise.core.errors import ConfigError
from stemwise.core.types import WHOLE, Parent
from stemwise.evaluation.cluster import ClusterSettings, measurers
from stemwise.evaluation.known import Known, Lost
from stemwise.storage import tables

from ..models.test_demucs import content

TIMES = ("wall_s", "realtime_factor", "uri")


@pytest.mark.ray
@pytest.mark.usefixtures("session_ray")
def test_both_ways_give_the_same_tables(songs, tmp_path: Path, monkeypatch):
    """Two levels, a checkpoint that tells its stems only once loaded, one that cannot be loaded."""
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    root = songs(3)
    for number in range(2):  # the third song has no parts of drums
        song = root / f"song-{number}"
        samples, rate = soundfile.read(song / "drums.wav")
        soundfile.write(song / "kick.wav", 0.5 * samples, rate, subtype="FLOAT")
        soundfile.write(song / "snare.wav", 0.5 * samples, rate, subtype="FLOAT")
    torch.save(content("demucs-v3"), tmp_path / "own.th")
    broken = content("demucs-v3")
    broken["state"].popitem()
    torch.save(broken, tmp_path / "broken.th")
    models = (
        f"models=[band_split,{{name: own, base: demucs_package, checkpoint: {tmp_path}/own.th}},"
        f"{{name: broken, base: demucs_package, checkpoint: {tmp_path}/broken.th}},"
        "{name: splitter, base: band_split, parent: drums}]"
    )
    found = {}
    for beside in (0, 1):
        output = tmp_path / f"run-{beside}"
        given = [f"dataset.root={root}", f"output={output}", models, "cluster.actors=1"]
        assert main(["evaluate", "dataset=folder", *given, f"cluster.measurers={beside}"]) == 3
        found[beside] = {name: tables.read(output / "tables", name) for name in tables.SCHEMAS}
    for name, frame in found[0].items():
        columns = [column for column in frame.columns if column not in TIMES]
        assert frame.select(columns).equals(found[1][name].select(columns)), name
    failed = found[1]["scores"].filter(pl.col("model") == "broken")
    assert set(failed["status"]) == {"failed"} and "own.th" not in failed["error"][0]
    assert (
        len(found[1]["estimates"].filter(pl.col("model") == "own", pl.col("status") == "ok")) == 12
    )


def test_known_gathers_failures_by_place():
    rows = [
        {
            "model": "m",
            "parent": "mixture",
            "parent_source": "mixture",
            "stem": s,
            "status": "failed",
        }
        | {"error": "no memory"}
        for s in ("vocals", "drums")
    ]
    rows.append(rows[0] | {"model": "good", "status": "ok"})
    known = Known.of([], rows)
    assert known.of_model("m", WHOLE) == Lost(("vocals", "drums"), "no memory")
    assert known.of_model("good", WHOLE) is known.of_model("m", Parent("drums", "estimate")) is None


def test_measurers_are_the_cores_that_workers_on_gpus_leave():
    host = {"CPU": 16.0}
    assert measurers(ClusterSettings(), host, 2, 1.0) == 14
    assert measurers(ClusterSettings(cpus_per_actor=4), host, 2, 1.0) == 8
    assert measurers(ClusterSettings(), host, 2, 0.0) == 0  # without GPUs all cores separate
    assert measurers(ClusterSettings(), {"CPU": 2.0}, 2, 1.0) == 0
    assert measurers(ClusterSettings(measurers=3), host, 2, 0.0) == 3
    with pytest.raises(ConfigError, match="measurers=15"):
        measurers(ClusterSettings(measurers=15), host, 2, 1.0)
    with pytest.raises(ConfigError, match="measurers=-1"):
        ClusterSettings(measurers=-1)
