"""Ways to have songs separated: stemwise's service, its command line, a naive Serve app."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from serving_load.clients import Load, LostError, Way
from serving_load.service import Service, running
from serving_load.songs import Song
from stemwise.client import (
    Client,
    Policy,
    Separation,
    ServerBrokenError,
    ServerBusyError,
    ServerTooManyJobsError,
    UnreachableError,
)

_AGAIN = (ServerBusyError, ServerTooManyJobsError, ServerBrokenError, UnreachableError)


@dataclass(frozen=True)
class Conditions:
    """The same for all ways.

    `threads` are torch's of the processes of the other ways (0 is all cores), `settings` changes to the
    service's profile, which is otherwise as it is shipped.
    """

    recipe: str
    threads: int
    limit_s: float
    settings: tuple[str, ...] = ()


class Stemwise:
    """Asks a stemwise service with its own client: upload, wait for the event, fetch all stems."""

    def __init__(self, service: Service, conditions: Conditions) -> None:
        self.service, self._conditions = service, conditions
        self.jobs: dict[str, set[str]] = {}

    def __call__(self, song: Song, folder: Path, load: Load) -> None:
        """See `Way`."""
        with self.client() as client:
            job = self.submit(client, song, load)
            job = client.wait(job.id, timeout=self._conditions.limit_s)
            load.note("chunks needed", job.chunks_total or 0)
            load.note("jobs begun again", job.attempts - 1)
            client.download(job, folder)

    def client(self) -> Client:
        """Return a client that repeats nothing silently, so that refusals are counted."""
        return Client(self.service.url, policy=Policy(attempts=1, short_attempts=1))

    def submit(self, client: Client, song: Song, load: Load, key: str | None = None) -> Separation:
        """Submit, again where the service was busy; the key is the song's name if none is given."""
        key = key or song.name
        until = time.monotonic() + self._conditions.limit_s
        while True:
            try:
                job = client.submit(song.path, idempotency_key=key)
                with load.lock:
                    self.jobs.setdefault(key, set()).add(job.id)
                return job
            except _AGAIN as error:
                load.note(f"refused with {error.status or 'no answer'}, tried again")
                if time.monotonic() > until:
                    raise
                time.sleep(min(error.retry_after or 1.0, 5.0))


@contextmanager
def stemwise(conditions: Conditions, folder: Path, *settings: str) -> Iterator[Stemwise]:
    """Start `stemwise serve` with a state folder of its own."""
    changes = [*conditions.settings, *settings]

    def command(port: int, metrics_port: int) -> list[str]:
        line = [sys.executable, "-m", "stemwise.cli", "serve", "--recipe", conditions.recipe]
        line += ["--port", str(port), "--metrics-port", str(metrics_port)]
        line += ["--state", str(folder / "state")]
        return line + [text for change in changes for text in ("--set", change)]

    with running(command, folder / "stemwise.log", "/healthz", has_metrics=True) as service:
        yield Stemwise(service, conditions)


class OneAfterTheOther:
    """One `stemwise separate` for all songs, with its defaults: first come, first served.

    It loads its models once and keeps all cores for one song, in the order of `songs`.
    """

    def __init__(self, songs: Sequence[Song], stems: Sequence[str], conditions: Conditions) -> None:
        self._songs, self._stems, self._conditions = songs, stems, conditions
        self._folder = Path(tempfile.mkdtemp(prefix="stemwise-load-"))
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, song: Song, folder: Path, load: Load) -> None:
        """See `Way`."""
        del load
        with self._lock:
            self._process = self._process or self._started()
        until = time.monotonic() + self._conditions.limit_s
        made = [self._folder / song.name / f"{stem}.flac" for stem in self._stems]
        while not all(path.exists() for path in made):
            if self._process.poll() is not None or time.monotonic() > until:
                raise LostError(f"the process ended with {self._process.poll()}")
            time.sleep(0.05)
        for path in made:
            shutil.move(path, folder / path.name)

    def cpu_s(self) -> float:
        """Return the CPU seconds of it and all other processes started here, once it has ended."""
        if self._process is not None:
            self._process.wait()
            shutil.rmtree(self._folder, ignore_errors=True)
        return children_cpu_s()

    def _started(self) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "stemwise.cli", "separate"]
        line += [str(song.path) for song in self._songs]
        line += ["--recipe", self._conditions.recipe, "--device", "cpu"]
        line += ["--output", str(self._folder)]
        with (self._folder / "log").open("wb") as out:
            return subprocess.Popen(line, stdout=out, stderr=out)


class ProcessPerRequest:
    """Starts `stemwise separate` for each song, at most as many at a time as there are cores."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._room = threading.Semaphore(os.cpu_count() or 1)

    def __call__(self, song: Song, folder: Path, load: Load) -> None:
        """See `Way`."""
        del load
        line = [sys.executable, "-m", "stemwise.cli", "separate", str(song.path)]
        line += ["--recipe", self._conditions.recipe, "--device", "cpu", "--output", str(folder)]
        threads = self._conditions.threads
        limited = {"OMP_NUM_THREADS": str(threads)} if threads else {}
        with self._room:
            done = subprocess.run(
                line,
                env=os.environ | limited,
                capture_output=True,
                text=True,
                check=False,
                timeout=self._conditions.limit_s,
            )
        if done.returncode:
            raise LostError(f"exit code {done.returncode}: {done.stderr[-500:]}")
        for path in (folder / song.name).iterdir():
            path.rename(folder / path.name)


def naive(service: Service, conditions: Conditions) -> Way:
    """Return the way that posts songs to the naive Serve app."""

    def separate(song: Song, folder: Path, load: Load) -> None:
        del load
        with song.path.open("rb") as file:
            answer = requests.post(service.url, data=file, timeout=conditions.limit_s)
        answer.raise_for_status()
        zipped = folder / "stems.zip"
        zipped.write_bytes(answer.content)
        with zipfile.ZipFile(zipped) as opened:
            opened.extractall(folder)

    return separate


@contextmanager
def naive_service(conditions: Conditions, folder: Path) -> Iterator[Service]:
    """Start the naive app."""
    script = Path(__file__).with_name("naive_app.py")

    def command(port: int, _: int) -> list[str]:
        return [
            sys.executable,
            str(script),
            conditions.recipe,
            str(port),
            str(conditions.threads),
        ]

    with running(command, folder / "naive.log", "/") as service:
        yield service


def children_cpu_s() -> float:
    """Return the CPU seconds of all processes started here that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
