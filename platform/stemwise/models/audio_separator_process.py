"""Our side of the process in which audio-separator runs (see audio_separator_worker)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from stemwise.core.errors import CheckpointError, MissingDependencyError, ModelError
from stemwise.core.memory import keep_memory
from stemwise.models import audio_separator_worker
from stemwise.models.audio_separator_worker import receive, send

PYTHON_VARIABLE = "STEMWISE_AUDIO_SEPARATOR_PYTHON"
# Tested with this one; `pip install` without a bound on torch would replace ours.
REQUIREMENT = "audio-separator[cpu]==0.47.*"
_PATIENCE_S = 5.0


def python() -> str:
    """Return the Python that has audio-separator: `$STEMWISE_AUDIO_SEPARATOR_PYTHON`, or our own."""
    return os.environ.get(PYTHON_VARIABLE) or sys.executable


def missing(what: str) -> MissingDependencyError:
    """Return the error for a Python that lacks `what`, with both ways to install it."""
    return MissingDependencyError(
        f"Models of audio-separator need {what}, which {python()} does not have: run "
        f"`pip install 'stemwise[audio-separator]'`, or install '{REQUIREMENT}' in a virtual "
        f"environment of its own and set {PYTHON_VARIABLE} to its python."
    )


class Worker:
    """One child process; it ends when this object does, or when our process does.

    Args:
        arguments: mode, folder, file name and, to serve, the YAML's name.
        environment: what to set for it beside our own environment.
        kept: whether it keeps the memory that it frees (see core/memory).

    Raises:
        MissingDependencyError: the Python named by the environment variable cannot be started.
    """

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        kept: bool = True,
    ) -> None:
        settings = {**os.environ, **(keep_memory() if kept else {}), "PYTHONSAFEPATH": "1"}
        settings |= environment or {}
        # it would win over the folder that we name
        settings.pop("AUDIO_SEPARATOR_MODEL_DIR", None)
        command = [python(), str(Path(audio_separator_worker.__file__)), *arguments]
        # a file, since a pipe that nobody empties would stop the child
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _end
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=self._log, env=settings
            )
        except OSError as error:
            self._log.close()
            raise MissingDependencyError(
                f"{python()} cannot be started ({error.strerror}): set {PYTHON_VARIABLE} to the "
                "python of an environment that has audio-separator."
            ) from error
        self.close = weakref.finalize(self, _end, self._process, self._log)

    @property
    def pid(self) -> int:
        """Return the child's process id."""
        return self._process.pid

    def ask(
        self, content: Mapping[str, Any] | None = None, samples: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        """Send a request, if there is one, and return the next answer.

        Raises:
            MissingDependencyError: the child lacks a package.
            CheckpointError: the child says why it cannot load its model.
            ModelError: the child says why it cannot separate, has ended, or answers nonsense.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ModelError("The process of audio-separator has no pipes.")
        try:
            if content is not None:
                with suppress(BrokenPipeError):  # its last words still wait to be read
                    send(stdin, dict(content), samples)
            message = receive(stdout)
        except (OSError, ValueError) as error:
            message, reason = None, str(error)
        else:
            reason = "it ended"
        if message is None:
            self.close.detach()
            code = _end(self._process, None)
            last = _tail(self._log)
            raise ModelError(
                f"The process of audio-separator gave no answer ({reason}, exit code {code}"
                f"{', after: ' + last if last else ''})."
            )
        answer, found = message
        if "error" not in answer:
            return answer, found
        self.close()
        if answer.get("missing"):
            raise missing(f"a package ({answer['error']})")
        kind = CheckpointError if content is None else ModelError
        raise kind(f"audio-separator gave up ({answer['error']}).")


def ask_once(*arguments: str) -> dict[str, Any]:
    """Run a worker for one answer."""
    worker = Worker(*arguments)
    try:
        return worker.ask()[0]
    finally:
        worker.close()


def _end(process: subprocess.Popen[bytes], log: IO[bytes] | None) -> int:
    """Close the child's stdin, which ends it, and return its exit code."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    try:
        code = process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if log is not None:
        log.close()
    return code


def _tail(log: IO[bytes]) -> str:
    """Return the last words of the child's stderr, and close it."""
    with log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
        lines = log.read().decode(errors="replace").split("\n")
    return " ".join(" ".join(lines[-4:]).split())[-300:]
