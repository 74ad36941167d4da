"""The files of jobs, in a real folder and in fsspec's own remote-like file system."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from stemwise.core.errors import (
    ConfigError,
    MissingDependencyError,
    NotFoundError,
    NotReadyError,
    OutputError,
)
from stemwise.serving.files.job_files import JobFiles

Make = Callable[[bytes], Path]


class FlakyFileSystem(MemoryFileSystem):
    """Counts what is fetched; cuts it, or fails, when told to."""

    protocol = "flaky"
    fetched = 0
    fault: str | None = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("flaky://", "memory://"))

    def get_file(self, rpath: str, lpath: str, **options: Any) -> None:
        type(self).fetched += 1
        if self.fault == "cut":
            Path(lpath).write_bytes(self.cat_file(rpath)[:-1])
        elif self.fault == "down":
            raise RuntimeError("the line is dead")  # as libraries do that know no OSError
        else:
            super().get_file(rpath, lpath, **options)

    def put_file(self, lpath: str, rpath: str, **options: Any) -> None:
        if self.fault == "down":
            raise RuntimeError("the line is dead")
        super().put_file(lpath, rpath, **options)


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FlakyFileSystem]]:
    fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)
    monkeypatch.setattr(FlakyFileSystem, "fault", None)
    monkeypatch.setattr(FlakyFileSystem, "fetched", 0)
    yield FlakyFileSystem
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture(params=["path", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    root = tmp_path / "the files"
    return {
        "path": str(root),
        "file": root.as_uri(),
        "memory": f"memory://{uuid.uuid4().hex}/prefix",
    }[request.param]


@pytest.fixture
def files(url: str, tmp_path: Path) -> JobFiles:
    return JobFiles(url, tmp_path / "cache")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(content: bytes) -> Path:
        path = tmp_path / uuid.uuid4().hex
        path.write_bytes(content)
        return path

    return make


def test_what_is_put_can_be_read_by_others(
    files: JobFiles, url: str, make: Make, tmp_path: Path
) -> None:
    key = "j1/stems/bass+drums.flac"
    other = JobFiles(url, tmp_path / "other cache")
    assert not files.exists(key)
    source = make(b"first")
    files.put(source, key)
    assert not source.exists()
    for reader in (files, other):
        assert reader.exists(key) and reader.size(key) == 5
        assert reader.local(key).read_bytes() == b"first"
        assert reader.local(key) == reader.local(key)
    files.put(make(b"second"), key)
    assert files.size(key) == 6 and files.local(key).read_bytes() == b"second"


def test_what_is_absent(files: JobFiles) -> None:
    for ask in (files.local, files.size):
        with pytest.raises(NotFoundError, match=r"j1/a\.wav"):
            ask("j1/a.wav")
    files.delete("j1")
    assert files.orphans(set(), 0) == []


def test_deleting_takes_all_of_one_job(files: JobFiles, make: Make, tmp_path: Path) -> None:
    for key in ("j1/in/a.wav", "j1/b.json", "j10/b.json"):
        files.put(make(b"x"), key)
        files.local(key)
    files.delete("j1")
    assert [files.exists(f"{job}/b.json") for job in ("j1", "j10")] == [False, True]
    assert not files.exists("j1/in/a.wav")
    assert [p.parent.name for p in tmp_path.rglob("b.json")] == ["j10"]  # in the cache neither


def test_orphans_are_old_and_unknown(files: JobFiles, make: Make) -> None:
    for job in ("j1", "j2", "j3"):
        files.put(make(b"x"), f"{job}/a.wav")
    assert files.orphans({"j2"}, older_than_s=-1) == ["j1", "j3"]
    assert files.orphans(set(), older_than_s=3600) == []


@pytest.mark.parametrize(
    "key",
    ["", "j1", "/j1/a", "j1/../a", "../j1/a", "j1//a", "j1/.a", "j1/a b", "j1/a\n", "j1\\a/b", "j/é",
     "j1/" + "a" * 129, "./j1/a", "j1/a/"],
)  # fmt: skip
def test_keys_are_harmless(files: JobFiles, make: Make, key: str) -> None:
    source = make(b"x")
    for call in (files.local, files.exists, files.size, lambda key: files.put(source, key)):
        with pytest.raises(ConfigError):
            call(key)
    if key != "j1":
        with pytest.raises(ConfigError):
            files.delete(key)
    assert source.exists()


def test_what_else_lies_in_a_chosen_folder_is_never_an_orphan(tmp_path: Path, make: Make) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_bytes(b"dear")
    files = JobFiles(str(tmp_path), tmp_path / "cache")
    files.put(make(b"x"), "j1/a.wav")
    assert files.orphans(set(), -1) == ["j1"]


def test_leftovers_of_killed_processes_are_swept(tmp_path: Path, make: Make) -> None:
    files = JobFiles(str(tmp_path), tmp_path / "cache")
    files.put(make(b"x"), "j1/a.wav")
    scratch = tmp_path / "stemwise-jobs" / ".fetching-1"
    scratch.write_bytes(b"half")
    deleted = tmp_path / "stemwise-jobs" / ".fetching-2"
    deleted.mkdir()
    (deleted / "a.wav").write_bytes(b"x")
    assert files.orphans(set(), 3600) == []
    assert scratch.exists() and deleted.exists()
    for path in (scratch, deleted):
        os.utime(path, (0, 0))
    assert files.orphans(set(), 3600) == []
    assert not scratch.exists() and not deleted.exists()


def test_a_reader_never_sees_half_a_file(files: JobFiles, make: Make) -> None:
    contents = [bytes([letter]) * 300_000 for letter in b"ab"]
    key, stop, sizes = "j1/a.wav", Event(), set[int]()
    files.put(make(contents[0]), key)

    def read() -> None:
        while not stop.is_set():
            sizes.add(files.size(key))

    reader = Thread(target=read)
    reader.start()
    for number in range(30):
        files.put(make(contents[number % 2]), key)
    stop.set()
    reader.join()
    assert sizes == {300_000}


def test_a_file_from_another_disk_is_copied_whole(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm")
    source = other / f"stemwise-{uuid.uuid4().hex}"
    source.write_bytes(b"far")
    files = JobFiles(str(tmp_path), tmp_path / "cache")
    files.put(source, "j1/a.wav")
    assert not source.exists() and files.local("j1/a.wav").read_bytes() == b"far"
    assert [p.name for p in (tmp_path / "stemwise-jobs" / "j1").iterdir()] == ["a.wav"]


def test_a_remote_file_is_fetched_once(
    flaky: type[FlakyFileSystem], tmp_path: Path, make: Make
) -> None:
    files = JobFiles("flaky://bucket/p", tmp_path / "cache")
    files.put(make(b"content"), "j1/a.wav")
    barrier, got = Barrier(6), list[bytes]()

    def read() -> None:
        barrier.wait()
        got.append(files.local("j1/a.wav").read_bytes())

    threads = [Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [b"content"] * 6 and flaky.fetched == 1


def test_a_fetch_that_is_cut_leaves_nothing(
    flaky: type[FlakyFileSystem], tmp_path: Path, make: Make
) -> None:
    files = JobFiles("flaky://bucket/p", tmp_path / "cache")
    files.put(make(b"content"), "j1/a.wav")
    for flaky.fault, words in (("cut", "6 bytes of 7"), ("down", "line is dead")):
        with pytest.raises(NotReadyError, match=words) as error:
            files.local("j1/a.wav")
        assert error.value.retry_after == 5
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    source = make(b"more")
    with pytest.raises(OutputError, match=r"flaky://bucket/p/.*the line is dead"):
        files.put(source, "j1/b.wav")
    assert source.exists()  # it can be tried again
    flaky.fault = None
    assert files.local("j1/a.wav").read_bytes() == b"content" and not files.exists("j1/b.wav")


def test_copies_of_jobs_that_others_deleted_are_orphans(
    flaky: type[FlakyFileSystem], tmp_path: Path, make: Make
) -> None:
    one, two = (JobFiles("flaky://bucket/p", tmp_path / name) for name in ("one", "two"))
    one.put(make(b"x"), "j1/a.wav")
    two.local("j1/a.wav")
    one.delete("j1")
    assert one.orphans(set(), -1) == [] and two.orphans(set(), -1) == ["j1"]
    two.delete("j1")
    assert two.orphans(set(), -1) == []


def test_places_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutputError, match=str(file)):
        JobFiles(str(file), tmp_path)
    with pytest.raises(OutputError, match=str(file)):
        JobFiles("memory://x", file)
    with pytest.raises(ConfigError, match="gopher://"):
        JobFiles("gopher://x/y", tmp_path)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    # an earlier test of the process may have made fsspec remember it
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(MissingDependencyError, match="s3fs"):
        JobFiles("s3://bucket/x", tmp_path)


def test_a_job_is_deleted_while_others_add_to_it(files: JobFiles, make: Make) -> None:
    stop = Event()

    def add() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                files.put(make(b"x"), f"j1/{number}/a.wav")
            except OutputError:  # its folder vanished just then
                continue

    adder = Thread(target=add)
    adder.start()
    for _ in range(50):
        files.delete("j1")
    stop.set()
    adder.join()
    files.delete("j1")
    assert files.orphans(set(), -1) == []
