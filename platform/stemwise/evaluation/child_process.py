"""One process that works on songs, seen from outside: started, spoken to, heard, ended."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from enum import Enum
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from stemwise.core.errors import ModelError, StemwiseError
from stemwise.core.memory import keep_memory
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.known import Known
from stemwise.evaluation.work import Work

_LOADING_S = 3600.0
if TYPE_CHECKING:
    Channel = Connection[Any, Any]


class Fault(Enum):
    """Whose fault the end of a process was, seen by one of its songs."""

    MINE = "this song's"
    UNCLEAR = "this song's, or another's in progress"
    OTHER = "not this song's"


class SongLostError(Exception):
    """A song's process has ended, or could not finish it; the message says how."""

    def __init__(self, reason: str, fault: Fault = Fault.MINE) -> None:
        super().__init__(reason)
        self.fault = fault


class ChildProcess:
    """A process with the models of a run.

    Args:
        work: the run.
        cluster: threads, batch size.
        slots: how many songs it works on at once.

    Raises:
        StemwiseError: something that is true of every track.
    """

    def __init__(self, work: Work, cluster: ClusterSettings, slots: int) -> None:
        self._pipe, theirs = Pipe()
        held, lifeline = os.pipe()
        self._lifeline: int | None = lifeline
        environment = os.environ | keep_memory() | _threads(cluster.cpus_per_actor)
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        command = [sys.executable, "-P", "-m", "stemwise.evaluation.song_child"]
        self.process = subprocess.Popen(
            [*command, str(theirs.fileno()), str(held), work.role],
            pass_fds=[theirs.fileno(), held],
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        theirs.close()
        os.close(held)
        self._lock = threading.Lock()
        self._songs: dict[int, queue.SimpleQueue[Any]] = {}
        self._killed_for: int | None = None
        self.ended = False
        self._wait_until_loaded((work, cluster, slots))
        threading.Thread(target=self._hear, daemon=True).start()

    def ask(self, number: int, known: Known) -> queue.SimpleQueue[Any]:
        """Hand a song over; return where messages about it arrive, up to the last one."""
        messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            if self.ended:  # between two songs: the fault of none
                raise SongLostError("its process had ended", Fault.OTHER)
            self._songs[number] = messages
            with suppress(OSError):  # it ends just now: `_hear` tells all its songs
                self._pipe.send((number, known))
        return messages

    def forget(self, number: int) -> None:
        """Expect nothing more about a song."""
        with self._lock:
            self._songs.pop(number, None)

    def end_for(self, number: int) -> None:
        """End the process because of one song; the others hear that it was not their fault."""
        with self._lock:
            self._killed_for, self.ended = number, True
        self.process.kill()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self.ended = True
            self.let_go()
        self.process.kill()
        self.process.wait()

    def let_go(self) -> None:
        """Close the lifeline, as the system does when this process is killed."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def _wait_until_loaded(self, first: tuple[Work, ClusterSettings, int]) -> None:
        reason: str | None = f"it took longer than {_LOADING_S:.0f} s"
        try:
            self._pipe.send(first)
            message = self._pipe.recv() if self._pipe.poll(_LOADING_S) else None
            reason = None if message else reason
        except (EOFError, OSError):
            message, reason = None, self._how()
        if reason is not None:
            self.close()
            raise ModelError(f"The models could not be loaded: {reason}.")
        match message:
            case ("impossible", StemwiseError() as error):
                self.close()
                raise error

    def _hear(self) -> None:
        """Hand each message to whoever waits for news of its song, until the process has ended."""
        while True:
            try:
                kind, number, *content = self._pipe.recv()
            except (EOFError, OSError):
                break
            with self._lock:
                messages = self._songs.get(number)
            if messages is not None:
                messages.put((kind, *content))
        reason = self._how()
        self._pipe.close()
        with self._lock:
            self.ended = True
            company = len(self._songs) > 1
            for number, messages in self._songs.items():
                messages.put(("lost", reason, self._fault_of(number, company)))

    def _fault_of(self, number: int, company: bool) -> Fault:
        if self._killed_for is not None:
            return Fault.MINE if number == self._killed_for else Fault.OTHER
        return Fault.UNCLEAR if company else Fault.MINE

    def _how(self) -> str:
        """Return how the process ended."""
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            code = None
            self.process.kill()
        return how_it_ended(code)


def _threads(cores: float) -> dict[str, str]:
    """Return what holds libraries to the cores of a worker; each would take all there are."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: os.environ.get(name, str(max(1, int(cores)))) for name in names}


def how_it_ended(code: int | None) -> str:
    """Return a process's exit code in words."""
    if code is None:
        return "its process stopped answering"
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL), as the system does when memory runs out"
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"
