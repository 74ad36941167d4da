"""A whole run in an S3 bucket: killed halfway, gone on with, and never half an object in sight."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import soundfile
import yaml

from stemwise.cli import main
from stemwise.core.places import place
from stemwise.evaluation import pipeline
from stemwise.storage import tables

from .. import in_this_process

pytestmark = pytest.mark.usefixtures("s3_server")
MODELS = "models=[band_split]"
# how long it took and at which attempt, where it lies, and when
VARYING = ("wall_s", "realtime_factor", "uri", "seconds_per_minute", "attempt")
VARYING += ("best_seconds_per_minute", "tenth_s")


SONGS = 4


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make short songs of noise, once."""
    folder = tmp_path_factory.mktemp("songs")
    for number in range(SONGS):
        generator = np.random.default_rng(number)
        for stem in ("vocals", "drums", "bass", "other"):
            path = folder / f"song-{number}" / f"{stem}.wav"
            path.parent.mkdir(exist_ok=True)
            noise = generator.uniform(-0.2, 0.2, (30_000, 2)).astype(np.float32)
            soundfile.write(path, noise, 44_100, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def local(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluate them on this machine, once."""
    output = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "run", in_this_process.run)
        assert evaluate(root, output) == 0
    return output


def without_varying(output: Path, name: str) -> pl.DataFrame:
    return tables.read(output / "tables", name).drop(VARYING, strict=False)


def evaluate(root: object, output: object, *overrides: str) -> int:
    given = [f"dataset.root={root}", f"output={output}", MODELS, *overrides]
    return main(["evaluate", "dataset=folder", *given])


def uploaded(folder: Path, bucket: str) -> str:
    place(f"s3://{bucket}").fs.put(f"{folder}/", f"{bucket}/songs/", recursive=True)
    return f"s3://{bucket}/songs"


def fetched(uri: str, folder: Path) -> Path:
    remote = place(uri)
    remote.fs.invalidate_cache()
    remote.fs.get(f"{remote.path}/", f"{folder}/", recursive=True)
    return folder


class Watcher(threading.Thread):
    """Lists a run's objects again and again, and reads each to see whether it is whole."""

    def __init__(self, uri: str) -> None:
        super().__init__(daemon=True)
        import s3fs

        self.system = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
        self.root = uri.removeprefix("s3://")
        self.broken: list[str] = []
        self.seen: dict[str, str] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            self.look()
            time.sleep(0.1)

    def look(self) -> None:
        found = self.system.find(self.root, detail=True)
        for name, facts in found.items():
            if self.seen.get(name) != facts["ETag"]:
                self.seen[name] = facts["ETag"]
                try:
                    self._check(name, self.system.cat_file(name), found)
                except FileNotFoundError:
                    continue  # it was removed since
                except Exception as error:  # noqa: BLE001 - whatever is wrong with it
                    self.broken.append(f"{name}: {error}")

    def _check(self, name: str, content: bytes, found: dict[str, dict[str, object]]) -> None:
        if name.endswith(".parquet"):
            pa.parquet.read_table(pa.BufferReader(content), page_checksum_verification=True)
        elif name.endswith(".flac"):
            samples, _ = soundfile.read(io.BytesIO(content))
            assert len(samples) == soundfile.info(io.BytesIO(content)).frames > 0
        elif name.endswith("entry.json"):
            folder = name.rpartition("/")[0]
            sizes = json.loads(content)["sizes"]
            assert {stem: found[f"{folder}/{stem}.flac"]["size"] for stem in sizes} == sizes
        elif name.endswith((".json", ".lock")):
            json.loads(content)
        elif name.endswith(".html"):
            assert content.rstrip().endswith(b"</html>")

    def stop(self) -> None:
        self.ended.set()
        self.join()
        self.look()


@pytest.fixture
def watched(bucket: str) -> Iterator[Watcher]:
    watcher = Watcher(f"s3://{bucket}/run")
    watcher.start()
    yield watcher
    watcher.stop()


def killed_halfway(root: str, output: str, log: Path) -> None:
    """Start a run of its own and kill it once a song is finished and others are not."""
    given = [f"dataset.root={root}", f"output={output}", MODELS, "cluster.actors=1"]
    command = [sys.executable, "-m", "stemwise.cli", "evaluate", "dataset=folder", *given]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with log.open("wb") as told:
        driver = subprocess.Popen(
            command, stdout=told, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        folder, until = place(f"{output}/parts"), time.monotonic() + 120
        while not (done := finished(folder)):
            assert driver.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    assert len(done) < SONGS


def finished(folder) -> list[str]:
    folder.fs.invalidate_cache()
    try:
        return list(folder.fs.find(folder.path))
    except FileNotFoundError:
        return []


@pytest.mark.ray
@pytest.mark.faults
@pytest.mark.usefixtures("session_ray")
def test_a_run_in_a_bucket_is_killed_and_goes_on_and_equals_a_local_one(
    root: Path, local: Path, bucket: str, tmp_path: Path, watched: Watcher, capsys, monkeypatch
):
    songs, output = uploaded(root, bucket), f"s3://{bucket}/run"
    killed_halfway(songs, output, tmp_path / "log")
    assert watched.system.exists(f"{bucket}/run/.lock")
    capsys.readouterr()
    assert evaluate(songs, output) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"[1-{SONGS - 1}] of {SONGS} tracks are finished already", printed)
    assert f"Tables: {output}/tables" in printed
    assert f"Report: {output}/report/index.html" in printed
    copy = fetched(output, tmp_path / "copy")
    for folder in (local / "tables").iterdir():
        ours, theirs = (without_varying(run, folder.name) for run in (local, copy))
        assert ours.equals(theirs), folder.name
    estimates = tables.read(copy / "tables", "estimates")
    assert all(uri.startswith(f"{output}/store/") for uri in estimates["uri"])
    watched.stop()
    assert watched.broken == []
    assert sum(name.endswith("entry.json") for name in watched.seen) == SONGS
    assert not (copy / ".lock").exists()
    assert not (copy / "attempts").exists()
    the_page_links_to_what_is_there(copy / "report")
    # what follows needs the tables only
    monkeypatch.setattr(pipeline, "run", lambda *_: pytest.fail("started again"))
    assert main(["report", f"output={output}", "selection=paper_guarded"]) == 0
    assert main(["fit", f"output={output}", "recipe=mine"]) == 0
    assert f"Recipe: {output}/recipes/mine.yaml" in capsys.readouterr().out
    again = fetched(output, tmp_path / "again")
    assert yaml.safe_load((again / "recipes" / "mine.yaml").read_text())["name"] == "mine"
    assert set(tables.read(again / "tables", "selections")["rule"]) == {"paper_guarded"}


def the_page_links_to_what_is_there(report: Path) -> None:
    page = (report / "index.html").read_text()
    found = re.search(r'id="data">(.*?)</script>', page)
    assert found is not None
    folders = [(report / folder).resolve() for folder in json.loads(found[1])["folders"]]
    assert len(folders) == SONGS
    assert all((folder / "entry.json").is_file() for folder in folders)
    assert len(list((report / "spectrograms").glob("*.png"))) >= 3 * SONGS


@pytest.mark.usefixtures("without_ray")
def test_a_run_that_keeps_no_estimates(root: Path, local: Path, tmp_path: Path, capsys):
    output, store = tmp_path / "none", tmp_path / "store"
    assert evaluate(root, output, "store.keep=none", f"store={store}") == 0
    assert "nothing to listen to" in capsys.readouterr().out
    assert without_varying(local, "scores").equals(without_varying(output, "scores"))
    estimates = tables.read(output / "tables", "estimates")
    assert estimates["uri"].null_count() == len(estimates) > 0
    assert set(estimates["status"]) == {"ok"}
    assert not [file for file in store.rglob("*") if file.is_file()]
    recipe = yaml.safe_load((output / "recipes" / "deployable.yaml").read_text())
    assert "nothing to listen to" in recipe["provenance"]["estimates"]
    assert "nothing to listen to" in (output / "report" / "index.html").read_text()
    assert "nothing to listen to" not in (local / "report" / "index.html").read_text()
    for stage in ("measure", "run-separate"):
        given = ["dataset=folder", f"dataset.root={root}", f"output={output}", "store.keep=none"]
        assert main([stage, *given]) == 2
    assert capsys.readouterr().err.count("store.keep=none keeps no estimates") == 2


@pytest.mark.parametrize(
    ("overrides", "code", "told"),
    [
        (["output=s4://x/y"], 2, "output=s4://x/y cannot be used, since s4:// is unknown"),
        (["output=s3://no-such-bucket/y"], 1, "s3://no-such-bucket/y cannot be written (The spec"),
        (["store=s4://x/y"], 2, "store=s4://x/y cannot be used"),
        (["store=s3://no-such-bucket/y"], 1, "store s3://no-such-bucket/y cannot be written"),
        (["dataset.root=s4://x/y"], 2, "dataset.root=s4://x/y cannot be used"),
        (["dataset.root=s3://no-such-bucket/y"], 2, "y cannot be listed (The specified bucket"),
        (["store.keep=some"], 2, "store.keep=some is unknown: use all or none"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(
    songs, tmp_path, capsys, overrides, code, told
):
    given = {"dataset.root": str(songs(1)), "output": str(tmp_path / "run")}
    given |= dict(override.split("=", 1) for override in overrides)
    assert main(["evaluate", "dataset=folder", MODELS, *map("=".join, given.items())]) == code
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert not Path("s4:").exists()


@pytest.mark.ray
@pytest.mark.faults
@pytest.mark.usefixtures("session_ray")
def test_a_bucket_that_vanishes_halfway_ends_the_run_with_one_sentence(
    root: Path, bucket: str, capsys
):
    output = f"s3://{bucket}/run"
    folder, system = place(f"{output}/parts"), place(f"s3://{bucket}").fs

    def vanish() -> None:
        until = time.monotonic() + 120
        while not finished(folder) and time.monotonic() < until:
            time.sleep(0.05)
        for _ in range(3):  # what is written while it is emptied keeps it
            try:
                system.invalidate_cache()
                system.rm(bucket, recursive=True)
                return
            except OSError:
                time.sleep(0.05)

    thief = threading.Thread(target=vanish)
    thief.start()
    code = evaluate(root, output, "cluster.actors=1")
    thief.join()
    told = capsys.readouterr()
    assert code == 1, told
    assert "Traceback" not in told.out + told.err
    errors = [line for line in told.err.splitlines() if line.startswith("Error")]
    assert len(errors) == 1 and f"{output}/" in errors[0]
