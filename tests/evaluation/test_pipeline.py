"""Promises about faults: a killed worker, a killed or interrupted driver, an odd cluster."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stemwise.cli import main
from stemwise.evaluation.pipeline import Progress
from stemwise.storage import tables

from ..conftest import make_song
from .deadly import install

Songs = Callable[..., Path]
# Where the signal arrives inside exec() of a string (dataclasses, named tuples), CPython remembers it
# and ends by the signal itself after our exit code; a shell sees 130 in both cases.
INTERRUPTED = {130, -signal.SIGINT}
ONE = "cluster.actors=1"
# slow enough to be stopped between two songs; importing librosa for others takes 3 s in every process
SLOW = "models=[spleeter_2stems,band_split]"


def arguments(root: Path, output: Path, *more: str) -> list[str]:
    return ["evaluate", "dataset=folder", f"dataset.root={root}", f"output={output}", SLOW, *more]


def start(root: Path, output: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "stemwise.cli", *arguments(root, output, *more)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def finished(output: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (output / "parts").glob("[!.]*.parquet")}


def wait_for(condition: Callable[[], object], seconds: float = 250) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def check_complete(output: Path, tracks: int) -> None:
    """Every row once, none missing."""
    scores = tables.read(output / "tables", "scores")
    keys = ["track_id", "model", "stem"]
    assert scores["track_id"].n_unique() == tracks
    assert len(scores.unique(keys)) == len(scores)
    per_track = scores.group_by("track_id").len()
    assert per_track["len"].n_unique() == 1
    assert set(scores["status"]) <= {"ok", "missing_reference"}


def run_to_end(root: Path, output: Path) -> str:
    process = start(root, output, ONE)
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == 0, printed
    return printed


def run_here(root: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Go on in this process, on the Ray of the session; a command of its own takes seconds to start."""
    assert main(arguments(root, output, ONE)) == 0
    return capsys.readouterr().out


@pytest.mark.ray
@pytest.mark.usefixtures("session_ray")
@pytest.mark.parametrize(
    ("blow", "codes"), [(signal.SIGKILL, {-signal.SIGKILL}), (signal.SIGINT, INTERRUPTED)]
)
def test_a_stopped_driver_loses_nothing_that_was_finished(
    songs: Songs, tmp_path: Path, blow: signal.Signals, codes: set[int], capsys
):
    root, output = songs(5, seconds=3), tmp_path / "run"
    process = start(root, output, ONE)
    wait_for(lambda: finished(output))
    process.send_signal(blow)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode in codes, printed
    before = finished(output)
    assert 1 <= len(before) < 5
    printed = run_to_end(root, output) if blow == signal.SIGKILL else run_here(root, output, capsys)
    after = finished(output)
    # workers of a killed driver may end one more song after it
    counted = re.search(r"(\d) of 5 tracks are finished already", printed)
    assert counted, printed
    assert len(before) <= int(counted[1]) < 5
    assert {name: after[name] for name in before} == before
    check_complete(output, 5)
    assert not list((output / "store").glob(".making-*/entry/entry.json"))


@pytest.mark.ray
def test_an_interrupt_before_any_work_is_an_exit_code(songs: Songs, tmp_path: Path):
    process = start(songs(1), tmp_path / "run", ONE)
    time.sleep(1.0)  # while libraries are being imported or Ray starts
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode in INTERRUPTED, printed
    assert "Traceback" not in printed


@pytest.mark.ray
@pytest.mark.usefixtures("session_ray")
@pytest.mark.parametrize(
    "who", [b"ray::MapWorker", pytest.param(b"ray::Progress", marks=pytest.mark.faults)]
)
def test_what_is_killed_is_replaced(songs: Songs, tmp_path: Path, who: bytes):
    """The worker (and with it the process of its songs), and whoever collects what is shown."""
    root, output = songs(3, seconds=3), tmp_path / "run"
    killed: list[int] = []

    def kill_one() -> None:
        wait_for(lambda: finished(output))
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and who in _command_line(folder):
                os.kill(int(folder.name), signal.SIGKILL)
                killed.append(int(folder.name))
                return

    killer = threading.Thread(target=kill_one)
    killer.start()
    code = main(arguments(root, output, "cluster.actors=1"))
    killer.join()
    assert killed
    assert code == 0
    check_complete(output, 3)


@pytest.mark.ray
@pytest.mark.faults
def test_a_song_that_kills_its_process_is_given_up_and_the_others_go_on(
    songs: Songs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Once such a run never ended: 11 of 12 songs were done, and the last was tried for ever."""
    root, output = songs(2), tmp_path / "run"
    make_song(root / "deadly", 7, 2.0)
    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path / "site", {2.0: "SIGSEGV"})))
    settings = ["cluster.actors=1", "cluster.max_attempts=2"]
    first = subprocess.run(
        [sys.executable, "-m", "stemwise.cli", *arguments(root, output, *settings)],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert first.returncode == 3, first.stdout + first.stderr
    scores = tables.read(output / "tables", "scores")
    by_track = {track: set(group["status"]) for (track,), group in scores.group_by("track_id")}
    assert by_track["deadly"] == {"failed"} and "failed" not in by_track["song-0"]
    errors = scores.filter(pl.col("track_id") == "deadly")["error"].unique().to_list()
    assert len(errors) == 1 and "2 times" in errors[0] and "SIGSEGV" in errors[0]
    begun = time.monotonic()
    again = subprocess.run(
        [sys.executable, "-m", "stemwise.cli", *arguments(root, output, *settings)],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert again.returncode == 3, again.stdout + again.stderr
    assert "1 of them was given up (deadly)" in " ".join(again.stdout.split())
    assert time.monotonic() - begun < 100  # no Ray was started, nothing tried


def _command_line(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def test_progress_adds_up_the_speed_of_models_only():
    progress = Progress()
    progress.add("song", "decode", 10.0, 0.1)
    progress.add("song", "hpss", 10.0, 2.0)
    progress.add("tune", "hpss", 20.0, 1.0)
    progress.add("song", "measure", 10.0, 3.0)
    assert progress.speeds == {"hpss": (30.0, 3.0)}
    progress.finish("song", 1)
    assert (progress.done, progress.failures, progress.stages) == (1, 1, {"tune": "hpss"})


def test_tables_stay_readable_while_they_are_replaced(tmp_path: Path):
    table = tables.to_table("tracks", [{"dataset": "d", "track_id": "t"}])
    tables.write(tmp_path, "tracks", [table])
    (tmp_path / "tracks" / ".tracks.parquet.1.tmp").write_bytes(b"half a file of a killed run")
    assert len(pl.read_parquet(tmp_path / "tracks" / "**/*.parquet")) == 1
