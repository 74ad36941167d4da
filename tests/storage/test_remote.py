"""Estimates, parts and attempts in an S3 bucket."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

from stemwise.core.errors import AudioError, OutputError, StorageError
from stemwise.core.places import place, read_bytes
from stemwise.evaluation.attempts import Attempts
from stemwise.storage import parts
from stemwise.storage.estimates import EstimateStore, entry_key
from stemwise.storage.tables import none_kept

from ..tables_of import frame

KEY = entry_key("audio", "identity", 1)
STEMS = ("vocals", "drums")
SIGNAL = np.random.default_rng(0).uniform(-0.9, 0.9, (2, 2, 3000)).astype(np.float32)


def put(store, signal=SIGNAL, key=KEY):
    return store.put(key, STEMS, iter((signal[..., :1000], signal[..., 1000:])), "cpu")


@pytest.fixture
def root(bucket):
    return place(f"s3://{bucket}/store")


def objects(root):
    """Return the names of all objects below a place."""
    root.fs.invalidate_cache()
    found = root.fs.find(root.path)
    return sorted(name.removeprefix(f"{root.path}/") for name in found)


def test_an_entry_is_the_same_as_a_local_one(root, tmp_path):
    store, local = EstimateStore(root, tmp_path / "scratch"), EstimateStore(tmp_path / "store")
    assert store.get(KEY) is None
    entry, twin = put(store), put(local)
    assert store.get(KEY) == entry
    folder = f"{KEY[:2]}/{KEY}"
    assert objects(root) == [
        f"{folder}/{name}" for name in ("drums.flac", "entry.json", "vocals.flac")
    ]
    assert entry.uri("vocals") == f"{root}/{folder}/vocals.flac"
    for stem in STEMS:
        np.testing.assert_array_equal(entry.read(stem), twin.read(stem))
        assert read_bytes(entry.path(stem)) == twin.path(stem).read_bytes()
    assert not list((tmp_path / "scratch").iterdir())


def test_what_makes_an_entry_visible_is_uploaded_last(root, tmp_path, s3_server):
    del s3_server.lines[:]
    put(EstimateStore(root, tmp_path / "scratch"))
    sent = [line.split(" HTTP")[0] for line in s3_server.lines if "PUT" in line]
    assert len(sent) == 3
    assert sent[-1].endswith("entry.json")


def test_an_entry_without_all_of_its_files_is_absent(root, tmp_path):
    store = EstimateStore(root, tmp_path / "scratch")
    entry = put(store)
    root.fs.rm_file(entry.path("drums").path)
    assert store.get(KEY) is None
    put(store)
    root.fs.pipe_file(entry.path("drums").path, b"cut")
    assert store.get(KEY) is None
    put(store)
    whole = read_bytes(entry.path("drums"))
    root.fs.pipe_file(entry.path("drums").path, b"x" * len(whole))
    found = store.get(KEY)  # only reading tells
    with pytest.raises(AudioError, match=r"drums\.flac in the estimate store is damaged"):
        found.read("drums")
    assert store.get(KEY) is None


def test_raw_entries_stay_on_the_machine_until_they_are_settled(root, tmp_path):
    scratch = tmp_path / "scratch"
    hasty, store = EstimateStore(root, scratch, raw=True), EstimateStore(root, scratch)
    put(hasty)
    assert objects(root) == []
    raw = {stem: store.get(KEY).read(stem) for stem in STEMS}
    store.settle(KEY)
    assert len(objects(root)) == 3
    assert not list((scratch / ".raw").iterdir())
    for stem in STEMS:
        np.testing.assert_array_equal(store.get(KEY).read(stem), raw[stem])


@pytest.mark.parametrize("remote", [True, False])
def test_a_store_that_keeps_nothing_has_entries_until_they_are_settled(root, tmp_path, remote):
    place_of = root if remote else tmp_path / "store"
    scratch = tmp_path / "scratch" if remote else None
    store = EstimateStore(place_of, scratch, keep=False)
    entry = put(store)
    np.testing.assert_allclose(entry.read("vocals"), SIGNAL[0], atol=2.0**-23)
    assert entry.uri("vocals") is None
    assert EstimateStore(place_of, scratch, keep=False).get(KEY) == entry
    store.settle(KEY)
    assert store.get(KEY) is None
    assert objects(root) == []
    assert not list(tmp_path.rglob("*.flac"))
    assert not list(tmp_path.rglob("*.f32"))


def test_a_kept_entry_is_used_by_a_run_that_keeps_nothing(root, tmp_path):
    kept = put(EstimateStore(root, tmp_path / "a"))
    store = EstimateStore(root, tmp_path / "b", keep=False)
    assert store.get(KEY).uri("vocals") == kept.uri("vocals")
    store.settle(KEY)
    assert store.get(KEY) == kept


def test_scratch_on_another_disk_gives_a_local_entry(tmp_path, monkeypatch):
    from pathlib import Path

    rename, asked = Path.rename, []

    def across(self, target):
        if self.name in ("entry", "raw") and ".making-" in str(self.parent):
            asked.append(self)
            raise OSError(18, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", across)
    entry = put(EstimateStore(tmp_path / "store", tmp_path / "scratch"))
    assert asked
    assert soundfile.info(entry.path("vocals")).frames == 3000
    assert not list((tmp_path / "store").glob(".making-*"))


def test_sweeping_covers_scratch(root, tmp_path):
    store = EstimateStore(root, tmp_path / "scratch", raw=True)
    put(store)
    (tmp_path / "scratch" / ".making-dead").mkdir()
    store.sweep()
    assert store.get(KEY) is not None
    store.sweep(older_than_s=-1)
    assert store.get(KEY) is None
    assert not (tmp_path / "scratch" / ".making-dead").exists()


def test_a_bucket_that_vanishes_is_told_in_one_sentence(root, bucket, tmp_path):
    store = EstimateStore(root, tmp_path / "scratch")
    entry = put(store)
    root.fs.rm(bucket, recursive=True)
    with pytest.raises(OutputError, match=rf"estimate store {root} cannot be written \(The spec"):
        put(store)
    with pytest.raises(StorageError, match=r"vocals\.flac cannot be fetched"):
        entry.read("vocals")
    with pytest.raises(OutputError, match=r"song\.parquet cannot be written"):
        parts.write(root / "parts", "song", parts.encode({}, "f", 0))
    with pytest.raises(OutputError, match=r"song\.json cannot be written"):
        Attempts.load(root / "attempts", "song", "f").begun()
    shutil.rmtree(tmp_path / "scratch")


def test_parts_are_found_again(root):
    folder, names = root / "parts", [f"song-{n}" for n in range(5)]
    rows = {"tracks": [{"dataset": "d", "track_id": "t", "title": "T"}]}
    for name in names[:3]:
        parts.write(folder, name, parts.encode(rows, name, 1))
    found = list(parts.read_all(folder, names))
    assert [part and part.fingerprint for part in found] == [*names[:3], None, None]
    assert found[0].tables["tracks"].to_pylist()[0]["title"] == "T"
    assert found[0].failures == 1
    root.fs.pipe_file((folder / "song-1.parquet").path, b"PAR1 no")
    assert parts.read(folder, "song-1") is None


def test_attempts_are_remembered(root):
    folder = root / "attempts"
    Attempts.load(folder, "song", "f").begun().ended("it fell")
    found = Attempts.load(folder, "song", "f")
    assert found.reasons == ["it fell"]
    assert json.loads(read_bytes(found.path))["unfinished"] == 0
    found.forget()
    assert objects(root) == []


def test_whether_a_run_kept_nothing():
    made = {"key": "k", "status": "ok", "uri": None}
    assert none_kept(frame("estimates", [made, {"key": None, "status": "ok", "uri": "/file.wav"}]))
    assert not none_kept(frame("estimates", [made, made | {"uri": "s3://b/x.flac"}]))
    assert not none_kept(frame("estimates", [made | {"status": "failed"}]))
