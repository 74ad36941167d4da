"""A process for the songs of a worker: supervised, timed, restarted when a song has ended it.

A song whose separation kills its process is tried `max_attempts` times, in this run and in later ones,
and then given up: its rows say `failed`, and why. The other songs continue. Where two were in progress
and it is unclear which of them did it, each is tried again alone, so that none pays for the other.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from stemwise.core.errors import StemwiseError
from stemwise.core.types import Track
from stemwise.evaluation.attempts import Attempts
from stemwise.evaluation.child_process import ChildProcess, Fault, SongLostError
from stemwise.evaluation.cluster import ClusterSettings, time_limit
from stemwise.evaluation.known import Known
from stemwise.evaluation.settings import Notify
from stemwise.evaluation.work import Work
from stemwise.storage import parts


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


class SongProcess:
    """Evaluates songs in a process of its own; threads may call it at once.

    Args:
        work: the run.
        cluster: attempts, time limit, threads.
        notify: called after each stage of a song.
        slots: how many songs the process works on at once.
    """

    def __init__(
        self, work: Work, cluster: ClusterSettings, notify: Notify, slots: int = 1
    ) -> None:
        self._work, self._cluster, self._notify, self._slots = work, cluster, notify, slots
        self._gate = _Gate(slots)
        self._starting = threading.Lock()
        self.child: ChildProcess | None = None

    def start(self) -> None:
        """Load the models ahead of the first song; where that fails, the song will tell."""
        with suppress(StemwiseError):
            self._running()

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
        suspected = attempts.unfinished > 0
        while (reason := attempts.given_up(self._cluster.max_attempts)) is None:
            attempts = attempts.begun()
            told = known or Known()
            if self._work.role != "measure":  # what it measures was made at an attempt of another's
                told = replace(told, attempt=attempts.count)
            try:
                with self._gate.entered(alone=suspected):
                    answer = self._attempt(number, told)
            except SongLostError as error:
                suspected = error.fault is not Fault.OTHER
                attempts = _after(attempts, error)
            else:
                attempts.forget()
                return answer
        return given_up(self._work, track, reason, attempts.count)

    def close(self) -> None:
        """End the process."""
        if self.child is not None:
            self.child.close()
        self.child = None

    def _attempt(self, number: int, known: Known) -> Answer:
        """Let the process work on a song (SongLostError where that ends it)."""
        child = self._running()
        messages = child.ask(number, known)
        try:
            return self._answer(child, number, messages)
        finally:
            child.forget(number)

    def _answer(self, child: ChildProcess, number: int, messages: queue.SimpleQueue[Any]) -> Answer:
        seconds, limit, began = 0.0, self._limit(0.0), time.monotonic()
        while True:
            left = None if limit is None else max(0.0, began + limit - time.monotonic())
            try:
                message = messages.get(timeout=left)
            except queue.Empty:
                child.end_for(number)
                raise SongLostError(
                    f"it took longer than {limit:.0f} s (cluster.track_timeout_s)"
                ) from None
            match message:
                case ("event", track, stage, float(audio_s), work_s):
                    seconds = max(seconds, audio_s)
                    limit = self._limit(seconds)
                    self._notify(track, stage, audio_s, work_s)
                case ("done", bytes(encoded), int(failures), Known() as told):
                    return Answer(encoded, failures, told)
                case ("failed", reason):
                    raise SongLostError(f"it raised {reason}")
                case ("lost", reason, Fault() as fault):
                    raise SongLostError(reason, fault)
                case ("impossible", StemwiseError() as error):
                    raise error
                case _:
                    raise AssertionError(message)

    def _limit(self, audio_s: float) -> float | None:
        return time_limit(self._cluster.track_timeout_s, audio_s, self._work.passes)

    def _running(self) -> ChildProcess:
        """Return the process, a new one where there is none."""
        with self._starting:
            if self.child is None or self.child.ended:
                self.close()
                self.child = ChildProcess(self._work, self._cluster, self._slots)
            return self.child


class _Gate:
    """Lets so many songs in at once, or one alone; who wants to be alone lets nobody else in first."""

    def __init__(self, slots: int) -> None:
        self._slots, self._inside, self._loners = slots, 0, 0
        self._changed = threading.Condition()

    @contextmanager
    def entered(self, alone: bool) -> Iterator[None]:
        with self._changed:
            if alone:
                self._loners += 1
                self._changed.wait_for(lambda: self._inside == 0)
                self._loners -= 1
                self._inside = self._slots
            else:
                self._changed.wait_for(lambda: self._inside < self._slots and not self._loners)
                self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= self._slots if alone else 1
                self._changed.notify_all()


def _after(attempts: Attempts, error: SongLostError) -> Attempts:
    """Remember how an attempt ended."""
    match error.fault:
        case Fault.MINE:
            return attempts.ended(str(error))
        case Fault.OTHER:
            return attempts.excused()
        case Fault.UNCLEAR:
            return attempts  # it began, and of its end nothing is known


def given_up(work: Work, track: Track, reason: str, attempt: int) -> Answer:
    """Return the rows of a song that is not tried any more."""
    result = work.evaluator(loaded=False).given_up(track, reason, attempt)
    fingerprint = work.fingerprints[track.track_id]
    return Answer(parts.encode(result.tables, fingerprint, result.failures), result.failures)
