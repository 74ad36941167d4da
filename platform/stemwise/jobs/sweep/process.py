"""A process that works off jobs of a sweep, seen from outside: started, asked, interrupted, replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from stemwise.evaluation.child_process import how_it_ended
from stemwise.jobs.sweep.child import Request

_PATIENCE_S = 20.0  # of who is interrupted
if TYPE_CHECKING:
    Channel = Connection[Any, Any]


class JobProcess:
    """Runs one job after another in a process of its own; one that has ended is replaced.

    It has a session of its own, so that an interrupt at the terminal reaches it through us alone, once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Channel | None = None
        self._lifeline: int | None = None
        self._interrupted = False

    def run(self, request: Request) -> tuple[int, str | None]:
        """Run a job; return its exit code (negative: the signal that ended it), and the reason."""
        process, pipe = self._running()
        try:
            pipe.send(request)
            answer: tuple[int, str | None] = pipe.recv()
        except (EOFError, OSError, TypeError):  # TypeError: closed by `close` while it was read
            if self._interrupted:
                return 130, "It was interrupted."
            code = self._ended(process)
            # who leaves without an answer has not finished, whatever its exit code says
            return code or 1, f"{how_it_ended(code)}.".replace("its", "Its", 1)
        return answer

    def interrupt(self) -> None:
        """Interrupt the job that runs, as Ctrl-C does."""
        with self._lock:
            self._interrupted, process = True, self._process
        if process is None or process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)

    def close(self, patience_s: float = _PATIENCE_S) -> None:
        """End the process; one that does not leave when its pipe is closed is killed."""
        with self._lock:
            process, pipe, lifeline = self._process, self._pipe, self._lifeline
            self._process = self._pipe = self._lifeline = None
        if process is None:
            return
        if pipe is not None:
            pipe.close()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if lifeline is not None:
            os.close(lifeline)

    def _running(self) -> tuple[subprocess.Popen[bytes], Channel]:
        with self._lock:
            alive = self._process is not None and self._process.poll() is None
        if not alive:
            self.close()
            self._start()
        assert self._process is not None and self._pipe is not None
        return self._process, self._pipe

    def _start(self) -> None:
        pipe, theirs = Pipe()
        held, lifeline = os.pipe()
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "stemwise.jobs.sweep.child"),
                *(str(theirs.fileno()), str(held)),
            ],
            pass_fds=[theirs.fileno(), held],
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        theirs.close()
        os.close(held)
        with self._lock:
            self._process, self._pipe, self._lifeline = process, pipe, lifeline

    def _ended(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
