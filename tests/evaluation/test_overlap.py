"""Measuring in processes of their own changes nothing but when it is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import soundfile
import torch

from stemwise.cli import main
from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.types import WHOLE, Parent
from stemwise.evaluation.cluster import ClusterSettings, measurers, most_measurers
from stemwise.evaluation.known import Known, Lost
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.storage import tables
from stemwise.storage.estimates import EstimateStore

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
    for beside in (0, 2):
        output = tmp_path / f"run-{beside}"
        given = [f"dataset.root={root}", f"output={output}", models, "cluster.actors=1"]
        assert main(["evaluate", "dataset=folder", *given, f"cluster.measurers={beside}"]) == 3
        assert not list((output / "store").glob(".raw/*")) and not list(output.glob("attempts/*"))
        found[beside] = {name: tables.read(output / "tables", name) for name in tables.ALWAYS}
    for name, frame in found[0].items():
        columns = [column for column in frame.columns if column not in TIMES]
        assert frame.select(columns).equals(found[2][name].select(columns)), name
    failed = found[2]["scores"].filter(pl.col("model") == "broken")
    assert set(failed["status"]) == {"failed"} and "own.th" not in failed["error"][0]
    assert (
        len(found[2]["estimates"].filter(pl.col("model") == "own", pl.col("status") == "ok")) == 12
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
    known = Known.of({}, rows)
    assert known.of_model("m", WHOLE) == Lost(("vocals", "drums"), "no memory")
    assert known.of_model("good", WHOLE) is known.of_model("m", Parent("drums", "estimate")) is None


def test_measurers_are_the_cores_of_a_machine_per_gpu():
    node = {"CPU": 16.0, "GPU": 4.0}
    assert measurers(ClusterSettings(), node, 1.0) == 4
    assert measurers(ClusterSettings(), node, 0.5) == 2
    assert measurers(ClusterSettings(), node, 0.0) == 0  # without GPUs all cores separate
    assert measurers(ClusterSettings(), {"CPU": 1.0, "GPU": 2.0}, 1.0) == 1
    assert measurers(ClusterSettings(), {"CPU": 192.0, "GPU": 8.0}, 1.0) == 8
    assert measurers(ClusterSettings(measurers=3), node, 0.0) == 3
    assert most_measurers(ClusterSettings(), [{"CPU": 8.0}, node], 1.0) == 8
    with pytest.raises(ConfigError, match="measurers=17"):
        most_measurers(ClusterSettings(measurers=17), [node], 1.0)
    with pytest.raises(ConfigError, match="measurers=-1"):
        ClusterSettings(measurers=-1)


def test_what_is_handed_on_is_encoded_by_whoever_measures(song, signal, model, store, tmp_path):
    """And the rows are those of one process that does both."""
    track = song({"vocals": signal(50), "drums": signal(10)})
    raw = EstimateStore(store.root, raw=True)
    made, _ = model("half")
    spec = replace(made.ready.spec, target="stemwise.models.mixture.MixtureModel")
    made.ready = replace(made.ready, spec=spec)  # a class that there is
    hasty = TrackEvaluator(
        Zoo([made]), raw, MetricSettings(), measures=False, settles=False, skips=True
    )
    first = hasty(track)
    assert not list(store.root.glob("*/*/*.flac"))
    known = Known.of(hasty.zoo.own_stems(), first.tables["estimates"])
    later = TrackEvaluator(Zoo.unloaded([made.ready]), store, MetricSettings())(track, known)
    assert later.failures == 0 and list(store.root.glob("*/*/*.flac"))
    assert not list(store.root.glob(".raw/*"))
    both = TrackEvaluator(Zoo([made]), EstimateStore(tmp_path / "other"), MetricSettings())(track)
    assert later.tables["measurements"] == both.tables["measurements"]
    assert [r["snr"] for r in later.tables["scores"]] == [r["snr"] for r in both.tables["scores"]]


def test_estimates_that_cannot_be_encoded_are_lost_alone(song, signal, model, store, monkeypatch):
    track = song({"vocals": signal(50), "drums": signal(10)})
    made, _ = model("half")

    def full(self, key):
        raise OutputError("no room")

    monkeypatch.setattr(EstimateStore, "settle", full)
    result = TrackEvaluator(Zoo([made]), store, MetricSettings())(track)
    assert result.failures == 1
    assert {(r["status"], r["error"], r["uri"]) for r in result.tables["estimates"]} == {
        ("failed", "no room", None)
    }
    assert "ok" in {row["status"] for row in result.tables["scores"]}
