import dataclasses
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemwise.core.errors import OutputError
from stemwise.core.types import Reference, Source, Track
from stemwise.storage import parts, tables

SCORES = [
    {"dataset": "d", "track_id": "t", "model": m, "snr": s} for m, s in (("a", 1.5), ("b", None))
]
ROWS = {
    "tracks": [{"dataset": "d", "track_id": "t", "stems": ["vocals"], "problems": []}],
    "estimates": [],
    "measurements": [{"dataset": "d", "track_id": "t", "block": 0, "gram": [1.0, 0.1, 2.0]}],
    "scores": SCORES,
}


@pytest.fixture
def stored(tmp_path):
    parts.write(tmp_path, "t", parts.encode(ROWS, "abc", 2))
    return tmp_path


def test_what_is_written_is_read(stored):
    found = parts.read(stored, "t")
    assert (found.fingerprint, found.failures) == ("abc", 2)
    assert set(found.tables) == set(ROWS)
    for name, table in found.tables.items():
        assert table.equals(tables.to_table(name, ROWS[name]))
    assert found.tables["scores"].column("snr").to_pylist() == [1.5, None]
    assert [path.name for path in stored.iterdir()] == ["t.parquet"]


def test_writing_twice_replaces(stored):
    again = ROWS | {"scores": SCORES[:1]}
    parts.write(stored, "t", parts.encode(again, "def", 0))
    found = parts.read(stored, "t")
    assert (found.tables["scores"].num_rows, found.fingerprint, found.failures) == (1, "def", 0)


def test_an_unknown_track_is_not_finished(stored):
    assert parts.read(stored, "u") is None
    assert parts.read(stored / "absent", "t") is None


def test_a_cut_file_is_not_finished(stored):
    path = parts.path(stored, "t")
    whole = path.read_bytes()
    for length in (0, 3, 4, 100, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert parts.read(stored, "t") is None


def test_damage_anywhere_is_no_crash(stored):
    """A flipped byte makes the track unfinished, or goes unnoticed by Parquet, but never raises."""
    path = parts.path(stored, "t")
    whole = path.read_bytes()
    unfinished = 0
    for position in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        found = parts.read(stored, "t")
        unfinished += found is None
        assert found is None or isinstance(found, parts.Part)
    assert unfinished > 50


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_a_file_of_something_else_is_not_finished(stored, content):
    parts.path(stored, "t").write_bytes(content)
    assert parts.read(stored, "t") is None


def test_a_parquet_file_of_something_else_is_not_finished(stored):
    pq.write_table(pa.table({"a": [1]}), parts.path(stored, "t"))
    assert parts.read(stored, "t") is None


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "parts").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        parts.write(tmp_path / "parts", "t", parts.encode(ROWS, "abc", 0))


RUN = {"models": [["a", "v1"]], "metric": {"block_s": 1.0}, "format": 1}


@pytest.fixture
def track(tmp_path):
    def source(name):
        path = tmp_path / "song" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"RIFF" + name.encode())
        os.utime(path, ns=(10**18, 10**18))
        return Source(path)

    return Track(
        dataset="folder",
        track_id="song",
        title="Song",
        partition=("vocals", "drums"),
        references={
            "vocals": Reference("vocals", (source("lead.wav"), source("backing.wav"))),
            "drums": Reference("drums", (source("drums.wav"),)),
        },
        mixture=source("mixture.wav"),
        estimates={"tool": {"vocals": source("estimate.wav")}},
    )


FILES = ("lead.wav", "backing.wav", "drums.wav", "mixture.wav", "estimate.wav")


def test_the_same_work_has_the_same_fingerprint(track):
    first = parts.fingerprint(track, RUN)
    assert len(first) == 64
    (track.mixture.path.parent / "new.txt").write_text("not a file of the track")
    os.utime(track.mixture.path, ns=(5 * 10**17, 10**18))  # read since then
    reordered = dict(reversed(RUN.items()))
    assert parts.fingerprint(dataclasses.replace(track), reordered) == first


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_changes_the_fingerprint(track, name):
    found = {parts.fingerprint(track, RUN)}
    path = track.mixture.path.parent / name
    os.utime(path, ns=(10**18, 10**18 + 1000))
    found.add(parts.fingerprint(track, RUN))
    path.write_bytes(path.read_bytes() + b"!")
    os.utime(path, ns=(10**18, 10**18))
    found.add(parts.fingerprint(track, RUN))
    path.unlink()
    found.add(parts.fingerprint(track, RUN))
    assert len(found) == 4


@pytest.mark.parametrize(
    "run",
    [
        RUN | {"models": [["a", "v2"]]},
        RUN | {"models": [["a", "v1"], ["b", "v1"]]},
        RUN | {"metric": {"block_s": 2.0}},
        RUN | {"metric": {"block_s": 1.0, "museval": True}},
        RUN | {"format": 2},
    ],
)
def test_a_changed_setting_changes_the_fingerprint(track, run):
    assert parts.fingerprint(track, run) != parts.fingerprint(track, RUN)


@pytest.mark.parametrize(
    "change",
    [
        {"genre": "rock"},
        {"partition": ("vocals", "drums", "other")},
        {"mixture": None},
        {"estimates": {}},
    ],
)
def test_a_changed_fact_changes_the_fingerprint(track, change):
    changed = dataclasses.replace(track, **change)
    assert parts.fingerprint(changed, RUN) != parts.fingerprint(track, RUN)


def test_another_process_computes_the_same_fingerprint(track):
    code = (
        "from pathlib import PosixPath, WindowsPath\n"
        "from stemwise.storage import parts\n"
        "from stemwise.core.types import *\n"
        f"print(parts.fingerprint({track!r}, {RUN!r}))"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == parts.fingerprint(track, RUN)
