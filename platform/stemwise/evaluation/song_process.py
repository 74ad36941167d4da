"""A process for the songs of a worker: supervised, timed, started anew when a song has ended it.

A song whose separation kills its process is tried `max_attempts` times, in this run and in later ones,
and then given up: its rows say `failed`, and why. The other songs go on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from stemwise.core.errors import ModelError, StemwiseError
from stemwise.core.memory import keep_memory
from stemwise.core.types import Track
from stemwise.evaluation.attempts import Attempts
from stemwise.evaluation.cluster import ClusterSettings, time_limit
from stemwise.evaluation.known import Known
from stemwise.evaluation.work import Notify, Work
from stemwise.storage import parts

_LOADING_S = 3600.0
if TYPE_CHECKING:
    Channel = Connection[Any, Any]


@dataclass(frozen=True)
class Answer:
    """What became of a song.

    Attributes:
        encoded: its rows.
        failures: how many models or stems failed on it.
        known: what those who measure it must know; None of a song that was given up.
    """

    encoded: bytes
    failures: int
    known: Known | None = None


class SongLostError(Exception):
    """A song has ended the process that worked on it; the message says how."""


class SongProcess:
    """Evaluates songs in a process of its own.

    Args:
        work: the run.
        cluster: attempts, time limit, threads.
        notify: called after each stage of a song.
    """

    def __init__(self, work: Work, cluster: ClusterSettings, notify: Notify) -> None:
        self._work, self._cluster, self._notify = work, cluster, notify
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Channel | None = None
        self._lifeline: int | None = None

    def evaluate(self, number: int, known: Known | None = None) -> Answer:
        """Return the rows of a track, those of a song that was given up included.

        Args:
            number: of the track.
            known: what the process that separated it tells.

        Raises:
            StemwiseError: something that is true of every track.
        """
        track = self._work.tracks[number]
        fingerprint = self._work.fingerprints[track.track_id]
        attempts = Attempts.load(self._work.attempts, track.track_id, fingerprint)
        while (reason := attempts.given_up(self._cluster.max_attempts)) is None:
            attempts = attempts.begun()
            try:
                answer = self._attempt(number, known)
            except SongLostError as error:
                attempts = attempts.ended(str(error))
            else:
                attempts.forget()
                return answer
        return given_up(self._work, track, reason)

    def close(self) -> None:
        """End the process."""
        if self._pipe is not None:
            self._pipe.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._pipe = self._lifeline = None

    def _attempt(self, number: int, known: Known | None) -> Answer:
        """Let the process work on a song (SongLostError where that ends it)."""
        pipe = self._pipe or self._start()
        seconds, limit = 0.0, self._limit(0.0)
        began = time.monotonic()
        self._send(pipe, (number, known))
        while True:
            message = self._receive(pipe, None if limit is None else began + limit, limit)
            match message:
                case ("event", track, stage, float(audio_s), work_s):
                    seconds = max(seconds, audio_s)
                    limit = self._limit(seconds)
                    self._notify(track, stage, audio_s, work_s)
                case ("done", bytes(encoded), int(failures), Known() as told):
                    return Answer(encoded, failures, told)
                case ("failed", reason):
                    raise SongLostError(f"it raised {reason}")
                case ("impossible", StemwiseError() as error):
                    raise error
                case _:
                    raise AssertionError(message)

    def _limit(self, audio_s: float) -> float | None:
        return time_limit(self._cluster.track_timeout_s, audio_s, self._work.passes)

    def _start(self) -> Channel:
        """Start the process and wait until its models are loaded."""
        ours, theirs = Pipe()
        held, self._lifeline = os.pipe()
        environment = {**os.environ, **keep_memory(), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-P", "-m", "stemwise.evaluation.song_child"]
        self._process = subprocess.Popen(
            [*command, str(theirs.fileno()), str(held)],
            pass_fds=[theirs.fileno(), held],
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        theirs.close()
        os.close(held)
        self._pipe = ours
        self._send(ours, (self._work, self._cluster))
        try:
            message = self._receive(ours, time.monotonic() + _LOADING_S, _LOADING_S)
        except SongLostError as error:
            raise ModelError(f"The models could not be loaded: {error}.") from error
        match message:
            case ("impossible", StemwiseError() as reason):
                raise reason
        return ours

    def _send(self, pipe: Channel, content: object) -> None:
        try:
            pipe.send(content)
        except OSError as error:  # it has ended since its last answer
            raise SongLostError(self._end()) from error

    def _receive(self, pipe: Channel, deadline: float | None, limit: float | None) -> Any:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            if pipe.poll(left):
                return pipe.recv()
        except (EOFError, OSError) as error:
            raise SongLostError(self._end()) from error
        self.close()
        raise SongLostError(f"it took longer than {limit:.0f} s (cluster.track_timeout_s)")

    def _end(self) -> str:
        """Return how the process ended."""
        process = self._process
        assert process is not None
        try:
            code = process.wait(10)
        except subprocess.TimeoutExpired:
            code = None
        self.close()
        return how_it_ended(code)


def how_it_ended(code: int | None) -> str:
    """Return a process's exit code in words."""
    if code is None:
        return "its process stopped answering"
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL), as the system does when memory runs out"
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"


def given_up(work: Work, track: Track, reason: str) -> Answer:
    """Return the rows of a song that is not tried any more."""
    result = work.evaluator(loaded=False).given_up(track, reason)
    fingerprint = work.fingerprints[track.track_id]
    return Answer(parts.encode(result.tables, fingerprint, result.failures), result.failures)
