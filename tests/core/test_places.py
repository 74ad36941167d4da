"""Places: what text names, and that remote files behave as local ones do."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from stemwise.core import places
from stemwise.core.errors import AudioError, ConfigError, MissingDependencyError, StorageError
from stemwise.core.places import place


@pytest.mark.parametrize("text", ["songs", "/a/b", "C:\\songs", "a:b/c", "s3:bucket", "12:30 live"])
def test_local_text_is_a_plain_path(text):
    assert place(text) == Path(text)
    assert places.is_local(place(text))


def test_home_and_file_uris_are_local():
    assert place("~/x") == Path.home() / "x"
    assert place("file:///tmp/a%20b") == Path("/tmp/a b")
    assert place("file://localhost/tmp/a") == Path("/tmp/a")


def test_a_uri_is_a_place_that_can_be_sent_to_workers(s3_address):
    found = place("s3://bucket/runs/one/")
    assert not places.is_local(found)
    assert str(found / "parts") == "s3://bucket/runs/one/parts"
    assert pickle.loads(pickle.dumps(found)) == found
    assert places.name_of(found) == "one"
    assert places.name_of(place("s3://bucket")) == "bucket"


def test_an_unknown_scheme_names_the_setting_and_near_ones():
    with pytest.raises(ConfigError, match=r"output=s4://b/x .*s4:// is unknown: give s3://"):
        place("s4://b/x", "output=")


def test_a_uri_without_a_bucket_is_refused():
    with pytest.raises(ConfigError, match="names no bucket"):
        place("s3://", "store=")


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch):
    import fsspec

    def absent(_: str) -> None:  # as fsspec says it; the class may have been imported already
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", absent)
    with pytest.raises(MissingDependencyError, match=r"pip install 'stemwise\[s3\]'"):
        place("s3://bucket/x", "output=")


def test_local_text_imports_nothing():
    code = (
        "import sys; from stemwise.core.places import place; place('x');"
        "assert not {'fsspec', 'upath', 's3fs'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(params=["local", "s3", "memory", "shows files in the making"])
def folder(request, tmp_path, monkeypatch):
    if request.param == "local":
        return tmp_path
    if request.param.startswith("shows"):
        monkeypatch.setattr(places, "_SHOWN_WHOLE", {})
    if request.param in ("memory", "shows files in the making"):
        return place(f"memory://{tmp_path.name}")
    return place(f"s3://{request.getfixturevalue('bucket')}/folder")


def test_what_is_written_is_read(folder, tmp_path):
    file = folder / "deep" / "file.txt"
    with pytest.raises(FileNotFoundError):
        places.read_bytes(file)
    places.write_whole(file, b"one")
    places.write_whole(file, b"two!")
    assert places.read_bytes(file) == b"two!"
    assert places.version(file)[0] == 4
    (tmp_path / "sent").write_bytes(b"sent")
    places.send(tmp_path / "sent", folder / "sent")
    with places.local_copy(folder / "sent") as copy:
        assert copy.read_bytes() == b"sent"
    places.remove(file)
    places.remove(file)
    with pytest.raises(FileNotFoundError):
        places.read_bytes(file)
    assert places.unwritable(folder) is None


def test_where_files_in_the_making_are_seen_they_have_another_name(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "_SHOWN_WHOLE", {})
    file = place(f"memory://{tmp_path.name}/deep/file.txt")
    written = []
    pipe = file.fs.pipe_file
    monkeypatch.setattr(
        file.fs, "pipe_file", lambda path, data: (written.append(path), pipe(path, data))
    )
    places.write_whole(file, b"whole")
    assert written[0] != file.path
    assert [entry["name"] for entry in file.fs.ls(file.parent.path)] == [file.path]
    assert places.read_bytes(file) == b"whole"


def test_a_remote_copy_is_removed_and_errors_name_the_place(bucket):
    file = place(f"s3://{bucket}/song.wav")
    places.write_whole(file, b"x")
    kept = None
    with pytest.raises(AudioError, match=f"^{file} is bad"), places.local_copy(file) as copy:
        kept = copy
        raise AudioError(f"{copy} is bad")
    assert not kept.exists()
    with (
        pytest.raises(StorageError, match=r"absent\.wav cannot be fetched"),
        places.local_copy(file.parent / "absent.wav"),
    ):
        pass


def test_what_another_process_wrote_is_seen(bucket):
    import s3fs

    folder = place(f"s3://{bucket}/folder")
    assert places.sizes(folder) == {}
    s3fs.S3FileSystem(skip_instance_cache=True).pipe_file(f"{bucket}/folder/new", b"abc")
    assert places.sizes(folder) == {"new": 3}


def test_why_a_place_cannot_be_written(s3_server, monkeypatch):
    assert "bucket does not exist" in (places.unwritable(place("s3://no-such-bucket/x")) or "")


def test_the_scratch_of_a_remote_place_is_of_this_machine(s3_address, tmp_path):
    first, second = (places.scratch_of(place(f"s3://bucket/{name}")) for name in "ab")
    assert places.is_local(first)
    assert first != second
    assert places.scratch_of(tmp_path) == tmp_path
