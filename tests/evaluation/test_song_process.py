"""A song that ends its process, or hangs, is given up after so many attempts; the others go on."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stemwise.core.errors import MissingDependencyError
from stemwise.datasets.folder import Folder
from stemwise.evaluation.attempts import Attempts
from stemwise.evaluation.child_process import how_it_ended
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.song_process import SongProcess
from stemwise.evaluation.work import Work
from stemwise.models.registry import get, prepare
from stemwise.storage import parts

from ..conftest import make_song
from .deadly import install


@pytest.fixture
def process(tmp_path, monkeypatch):
    """Return a maker of a process for two songs of 1 s and 1.5 s, the second with a fault."""
    made = []
    for number, seconds in enumerate((1.0, 1.5)):
        make_song(tmp_path / "songs" / f"song-{number}", number, seconds)
    tracks = Folder(root=tmp_path / "songs").tracks()

    def make(fault, metric=None, slots=1, **settings):
        monkeypatch.syspath_prepend(install(tmp_path / "site", {1.5: fault} if fault else {}))
        work = Work(
            tracks=tracks,
            fingerprints={track.track_id: f"print of {track.track_id}" for track in tracks},
            models=[prepare(get("band_split"))],
            files=(),
            metric=metric or MetricSettings(),
            store=tmp_path / "store",
            parts=tmp_path / "parts",
            device="cpu",
        )
        events = []
        cluster = ClusterSettings(**settings)
        songs = SongProcess(work, cluster, lambda *event: events.append(event), slots)
        made.append(songs)
        return songs, events

    yield make
    for songs in made:
        songs.close()


def rows_of(answer, table="scores"):
    with TemporaryDirectory() as folder:
        parts.write(Path(folder), "song", answer.encoded)
        return parts.read(Path(folder), "song").tables[table].to_pylist()


def remembered(tmp_path):
    return Attempts.load(tmp_path / "attempts", "song-1", "print of song-1")


@pytest.mark.parametrize(
    ("fault", "said", "attempts", "times"),
    [
        ("SIGKILL", "killed (SIGKILL), as the system does when memory runs out", 2, "2 times"),
        ("SIGSEGV", "ended by SIGSEGV", 1, "once"),
        ("exit", "exit code 7", 1, "once"),
    ],
)
def test_a_song_that_ends_its_process_is_given_up_and_says_why(
    process, tmp_path, fault, said, attempts, times
):
    """Each process takes seconds to start, so one fault stands for those that are tried again."""
    songs, events = process(fault, max_attempts=attempts)
    failed = rows_of(songs.evaluate(1))
    assert {row["status"] for row in failed} == {"failed"}
    assert {row["model"] for row in failed} == {"mixture", "band_split"}
    assert all(said in row["error"] and times in row["error"] for row in failed)
    assert len(remembered(tmp_path).reasons) == attempts
    whole = songs.evaluate(0)  # in a new process
    assert whole.failures == 0 and {row["status"] for row in rows_of(whole)} >= {"ok"}
    assert {event[0] for event in events} >= {"song-0"}
    assert not (tmp_path / "attempts" / "song-0.json").exists()


def test_a_song_that_hangs_is_ended_and_given_up(process, tmp_path):
    songs, _ = process("hang", max_attempts=1, track_timeout_s=12)
    failed = rows_of(songs.evaluate(1))
    assert all("longer than 12 s (cluster.track_timeout_s)" in row["error"] for row in failed)
    assert songs.evaluate(0).failures == 0


def test_two_songs_at_once_and_only_the_guilty_one_pays(process, tmp_path):
    """Both are in work when the process ends; tried alone, one is whole and the other is given up."""
    songs, _ = process("SIGSEGV", slots=2, max_attempts=1)
    with ThreadPoolExecutor(2) as threads:
        whole, failed = threads.map(songs.evaluate, (0, 1))
    assert whole.failures == 0 and {row["status"] for row in rows_of(whole)} >= {"ok"}
    assert all("SIGSEGV" in row["error"] and "once" in row["error"] for row in rows_of(failed))
    assert not (tmp_path / "attempts" / "song-0.json").exists()


def test_attempts_of_an_earlier_run_count_on(process, tmp_path):
    for reason in ("its process was killed", "it took longer than 9 s"):
        remembered(tmp_path).begun().ended(reason)
    songs, _ = process("exit", max_attempts=3)
    failed = rows_of(songs.evaluate(1))
    assert all("3 times" in row["error"] and "exit code 7" in row["error"] for row in failed)
    again, _ = process("exit", max_attempts=3)
    again.evaluate(1)  # no fourth attempt
    assert len(remembered(tmp_path).reasons) == 3


def test_rows_say_at_which_attempt_they_were_made(process, tmp_path):
    songs, _ = process(None)
    Attempts.load(tmp_path / "attempts", "song-0", "print of song-0").begun().ended("it was cold")
    for number, attempt in ((0, 2), (1, 1)):
        rows = rows_of(songs.evaluate(number), "estimates")
        assert rows and {row["attempt"] for row in rows} == {attempt}


def test_what_is_true_of_every_track_ends_the_run(process):
    songs, _ = process("missing", metric=MetricSettings(museval=True))
    with pytest.raises(MissingDependencyError, match="museval"):
        songs.evaluate(0)


def test_the_process_ends_with_its_supervisor(process):
    songs, _ = process(None)
    songs.evaluate(0)
    child = songs.child
    assert child is not None and child.process.poll() is None
    child.let_go()  # what the system does when the supervisor is killed
    assert child.process.wait(20) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [(1, "exit code 1"), (-9, "memory"), (-11, "SIGSEGV"), (-6, "SIGABRT"), (None, "stopped")],
)
def test_exit_codes_in_words(code, said):
    assert said in how_it_ended(code)


def test_the_supervisor_needs_no_torch():
    """It lives beside each process, so it must be small."""
    code = "import sys, stemwise.evaluation.song_process; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
