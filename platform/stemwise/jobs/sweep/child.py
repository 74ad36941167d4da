"""The process that works off jobs of a sweep, one after another, and stays connected to its Ray.

Whatever ends it ends one job only: `process.py` is the side that notices.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from stemwise.core.errors import PARTLY_FAILED, StemwiseError
from stemwise.evaluation import connection
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.typed import read

if TYPE_CHECKING:
    Channel = Connection[Any, Any]

_WIDE = 120


@dataclass(frozen=True)
class Request:
    """A job for the process.

    Attributes:
        job: `module:function`.
        settings: as plain values.
        address: of the Ray that it joins; None leaves that to the job.
        log: file for what it prints.
    """

    job: str
    settings: dict[str, Any]
    address: str | None
    log: Path


def main(messages: int, lifeline: int) -> None:
    """Answer each request with (exit code, reason), until the pipe closes.

    Args:
        messages: descriptor of the pipe.
        lifeline: descriptor of a pipe that is closed when the other side ends, however that ends.
    """
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    pipe: Channel = Connection(messages)
    while True:
        try:
            request = pipe.recv()
            with _printing_to(request.log):
                answer = work_on(request)
            pipe.send(answer)
        except (EOFError, OSError):  # whoever asked has left
            return
        except KeyboardInterrupt:  # between jobs
            return


def work_on(request: Request) -> tuple[int, str | None]:
    """Run a job; return its exit code, and the reason where that is not 0."""
    console = Console(width=_WIDE)
    try:
        if request.address is not None:
            connection.connect(request.address)
        module, _, name = request.job.partition(":")
        job = getattr(importlib.import_module(module), name)
        code = int(job(read(EvaluateSettings, request.settings), console))
    except StemwiseError as error:
        console.print(f"Error: {error}", highlight=False, markup=False, soft_wrap=True)
        return error.exit_code, str(error)
    except KeyboardInterrupt:
        return 130, "It was interrupted."
    except Exception as error:  # noqa: BLE001 - a bug, whose traceback is in the log
        traceback.print_exc()
        return 1, f"{type(error).__name__}: {' '.join(str(error).split())}"
    return code, "Some songs or models failed." if code == PARTLY_FAILED else None


@contextmanager
def _printing_to(log: Path) -> Iterator[None]:
    """Let standard output and error of this process, of libraries too, go to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = os.dup(1), os.dup(2)
    with log.open("w", encoding="utf-8") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, before in zip((1, 2), kept, strict=True):
            os.dup2(before, number)
            os.close(before)


def _die_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
