"""Trouble for a stemwise service in the middle of its work."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from serving_load.clients import Load
from serving_load.songs import Song
from serving_load.ways import Stemwise
from stemwise.client import (
    ServerError,
    ServerTooLargeError,
    ServerUnprocessableError,
    ServerUnsupportedAudioError,
    UnreachableError,
)

# The service must have more than this; the benchmark's songs are far below.
UPLOAD_MB = 30
_REFUSALS = (ServerTooLargeError, ServerUnprocessableError, ServerUnsupportedAudioError)


class _GoneError(Exception):
    """Raised in the middle of an upload, to leave it."""


class Trouble:
    """A `Way` that has songs separated like `Stemwise` does, but behaves badly on the way.

    Every third song's upload breaks off halfway and is sent again; every third is sent whole, and sent
    again because nobody waited for the answer; and before every third, other files are sent: a job that
    is cancelled while it runs, text that is called a song, and a file that is too large.
    """

    def __init__(self, way: Stemwise, spare: Song, folder: Path) -> None:
        self.way, self._spare = way, spare
        self._text, self._large = folder / "text.flac", folder / "large.wav"
        self._text.write_text("This is no song. " * 1000)
        with self._large.open("wb") as file:
            file.truncate(int(UPLOAD_MB * 1e6) + 1000)
        self._number, self._lock = 0, threading.Lock()
        self.cancelled: set[str] = set()
        self.wrong: list[str] = []

    def __call__(self, song: Song, folder: Path, load: Load) -> None:
        """See `Way`."""
        with self._lock:
            self._number += 1
            turn = self._number % 3
        if turn == 0:
            self._leave(song, load, share=0.5)
        elif turn == 1:
            self._leave(song, load, share=1.0)
        else:
            self._cancel(load)
            self._refused(self._text, load)
            self._refused(self._large, load)
        self.way(song, folder, load)

    def _leave(self, song: Song, load: Load, share: float) -> None:
        def leave(sent: int, total: int) -> None:
            if sent >= share * total:
                raise _GoneError

        with self.way.client() as client:
            try:
                client.submit(song.path, idempotency_key=song.name, on_upload=leave)
            except _GoneError:
                load.note("clients that left during their upload")
            except ServerError as error:
                load.note(f"refused with {error.status or 'no answer'}, left anyway")

    def _cancel(self, load: Load) -> None:
        with self.way.client() as client:
            key = f"cancelled-{uuid.uuid4().hex}"
            job = self.way.submit(client, self._spare, load, key)
            until = time.monotonic() + 5
            while client.get(job.id).status == "queued" and time.monotonic() < until:
                time.sleep(0.1)
            client.cancel(job.id)
            with self._lock:
                self.cancelled.add(job.id)
            load.note("jobs cancelled")

    def _refused(self, path: Path, load: Load) -> None:
        with self.way.client() as client:
            try:
                client.submit(path)
                self.wrong.append(f"{path.name} was accepted")
            except _REFUSALS as error:
                load.note(f"bad uploads refused with {error.status}")
            except UnreachableError:  # it may stop reading what is too large
                load.note("bad uploads cut off")
            except ServerError as error:
                load.note(f"bad uploads refused with {error.status}")


def killer(way: Stemwise, load: Load, deployments: Sequence[tuple[int, str]]) -> threading.Thread:
    """Kill (SIGKILL) a replica of each deployment once so many songs are done."""

    def work() -> None:
        for after, deployment in deployments:
            while len(load.latencies) < after:
                time.sleep(0.05)
            way.service.kill(way.service.replicas(deployment)[0])
            load.note(f"killed {deployment}")

    return threading.Thread(target=work, daemon=True)


def audit(way: Stemwise, cancelled: set[str], load: Load) -> None:
    """Compare the service's list of jobs with what the clients know; what differs is lost."""
    known = {job for jobs in way.jobs.values() for job in jobs}
    for key, jobs in way.jobs.items():
        load.note("songs with two jobs", int(len(jobs) > 1))
        if len(jobs) > 1:
            load.lost.append(f"{key}: its repeated upload made {len(jobs)} jobs")
    with way.client() as client:
        listed = client.recent(100)
        for job in listed:
            if job.id in cancelled:
                load.note("chunks of cancelled jobs", job.chunks_done)
            expected = "cancelled" if job.id in cancelled else "succeeded"
            if job.status != expected:
                load.lost.append(f"job {job.id} ({job.title}) is {job.status}, not {expected}")
            if job.id not in known:
                load.lost.append(f"job {job.id} ({job.title}) was asked for by nobody")
