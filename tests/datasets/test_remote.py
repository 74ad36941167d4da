"""Datasets in an S3 bucket: the same tracks as on disk, few requests, clear words where they are not."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import pytest

from stemwise.core.errors import ConfigError, DatasetError, StorageError
from stemwise.core.places import place
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.demo import DemoDataset
from stemwise.datasets.folder import Folder
from stemwise.datasets.moisesdb import MoisesDB
from stemwise.datasets.musdb18 import MUSDB18
from stemwise.datasets.musdb18hq import MUSDB18HQ
from stemwise.storage import parts


def upload(folder: Path, bucket: str) -> str:
    system = place(f"s3://{bucket}").fs
    system.put(f"{folder}/", f"{bucket}/data/", recursive=True)
    return f"s3://{bucket}/data"


def noise(seed, frames=2000):
    return np.random.default_rng(seed).uniform(-0.1, 0.1, (2, frames)).astype(np.float32)


def as_text(track, root):
    """Return a track as text, its paths relative to the root."""
    sources = [
        *(s for r in track.references.values() for s in (*r.sources, *r.unplaced)),
        *(s for files in track.estimates.values() for s in files.values()),
        *([track.mixture] if track.mixture else []),
    ]
    where = [str(source.path).removeprefix(f"{root}/") for source in sources]
    return repr(dataclasses.replace(track, references={}, estimates={}, mixture=None)), where


def same(local, remote, root, uri):
    ours, theirs = local.tracks(), remote.tracks()
    assert [as_text(track, root) for track in ours] == [as_text(track, uri) for track in theirs]
    assert len(ours) > 0
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(TrackAudio(one).mixture, TrackAudio(two).mixture)
    return theirs


def test_a_folder_of_songs(bucket, write, tmp_path):
    for song in ("one", "two"):
        for number, stem in enumerate(("vocals", "drums")):
            write(tmp_path / song / f"{stem}.wav", noise(number))
        write(tmp_path / song / "estimates" / "tool" / "vocals.flac", noise(9))
    facts = {"artist": "Somebody", "genre": "rock", "has_bleed": True}
    (tmp_path / "one" / "track.json").write_text(json.dumps(facts))
    uri = upload(tmp_path, bucket)
    tracks = same(Folder(root=tmp_path), Folder(root=uri), tmp_path, uri)
    assert tracks[0].artist == "Somebody"
    assert (
        str(tracks[0].estimates["tool"]["vocals"].path) == f"{uri}/one/estimates/tool/vocals.flac"
    )


def test_moisesdb(bucket, moises_song, tmp_path):
    drums = [("kick_drum", noise(2), {}), ("snare_drum", noise(3), {})]
    moises_song(stems=[("vocals", [("lead_male_singer", noise(1), {})]), ("drums", drums)])
    uri = upload(tmp_path, bucket)
    same(MoisesDB(root=tmp_path), MoisesDB(root=uri), tmp_path, uri)


def test_musdb18hq_and_one_split_of_it(bucket, write, tmp_path):
    for stem in ("mixture", "vocals", "drums", "bass", "other"):
        write(tmp_path / "test" / "Someone - Song" / f"{stem}.wav", noise(len(stem)))
    (tmp_path / "tracks.csv").write_text("track,genre\nSomeone - Song,jazz\n")
    uri = upload(tmp_path, bucket)
    tracks = same(MUSDB18HQ(root=tmp_path), MUSDB18HQ(root=uri), tmp_path, uri)
    assert [track.genre for track in tracks] == ["jazz"]
    assert MUSDB18HQ(root=f"{uri}/test").tracks()[0].genre == "jazz"


def test_musdb18_with_its_streams(bucket, write_stem_mp4, tmp_path):
    write_stem_mp4(tmp_path / "train" / "A - B.stem.mp4", [noise(n, 30_000) for n in range(5)])
    uri = upload(tmp_path, bucket)
    tracks = same(MUSDB18(root=tmp_path), MUSDB18(root=uri), tmp_path, uri)
    assert TrackAudio(tracks[0]).reference("drums").any()


def test_listing_and_fingerprints_need_few_requests(bucket, s3_server, s3_address):
    system = place(f"s3://{bucket}").fs
    names = ("mixture", "vocals", "drums", "bass", "other")
    files = {f"{bucket}/data/s{n:02d}/{stem}.wav": b"x" for n in range(50) for stem in names}
    files |= {f"{bucket}/data/s{n:02d}/track.json": b'{"artist": "A"}' for n in range(50)}
    system.pipe(files)
    del s3_server.lines[:]
    tracks = Folder(root=f"s3://{bucket}/data").tracks()
    fingerprints = {parts.fingerprint(track, {}) for track in tracks}
    requests = [line for line in s3_server.lines if f"/{bucket}" in line]
    assert (len(tracks), len(fingerprints)) == (50, 50)
    assert 50 <= len(requests) <= 50 + 3, requests[
        :5
    ]  # the facts of each song, and a listing of all


def test_a_changed_object_changes_the_fingerprint(bucket, s3_address):
    root = place(f"s3://{bucket}/data")
    root.fs.pipe({f"{root.path}/one/{stem}.wav": b"abc" for stem in ("mixture", "vocals")})

    def now():
        return parts.fingerprint(Folder(root=root).tracks()[0], {})

    first = now()
    assert now() == first
    root.fs.pipe_file(f"{root.path}/one/vocals.wav", b"abd")
    assert now() != first


@pytest.mark.parametrize("reader", [Folder, MoisesDB, MUSDB18HQ, MUSDB18])
def test_what_is_not_there_is_told_in_one_sentence(bucket, reader):
    with pytest.raises(DatasetError, match="does not exist or is empty, but"):
        reader(root=f"s3://{bucket}/nothing").tracks()
    with pytest.raises(DatasetError, match="bucket does not exist") as caught:
        reader(root="s3://no-such-bucket/x").tracks()
    assert "\n" not in str(caught.value)
    place(f"s3://{bucket}/else/file.txt").write_text("x")
    with pytest.raises(DatasetError, match="does not hold"):
        reader(root=f"s3://{bucket}/else").tracks()


def test_absent_credentials_are_told_at_once(bucket, monkeypatch):
    import s3fs

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3fs.S3FileSystem.clear_instance_cache()
    began = time.monotonic()
    with pytest.raises(DatasetError, match="redentials") as caught:
        Folder(root=f"s3://{bucket}/songs").tracks()
    assert time.monotonic() - began < 10
    assert f"s3://{bucket}/songs cannot be listed" in str(caught.value)
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_file_that_cannot_be_fetched_is_no_defect_of_the_song(bucket, write, tmp_path):
    for stem in ("vocals", "drums"):
        write(tmp_path / "one" / f"{stem}.wav", noise(1))
    root = place(upload(tmp_path, bucket))
    track = Folder(root=root).tracks()[0]
    root.fs.rm_file(f"{root.path}/one/drums.wav")
    # left out, the song would be scored as one without drums
    with pytest.raises(StorageError, match=r"drums\.wav cannot be fetched"):
        _ = TrackAudio(track).mixture


def test_unknown_schemes_and_a_remote_demo_are_refused():
    with pytest.raises(ConfigError, match=r"dataset\.root=s4://x/y"):
        Folder(root="s4://x/y")
    with pytest.raises(ConfigError, match="renders its songs"):
        DemoDataset(root="s3://bucket/demo")
