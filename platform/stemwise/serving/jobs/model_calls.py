"""What a job asks of the models, whatever process they live in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from stemwise.audio.raw import Signal
from stemwise.separation.spool import Spool
from stemwise.serving.jobs.records import Due


class JobStoppedError(Exception):
    """The job was cancelled, or is another worker's now: nothing of it is to be kept."""


class ModelCalls(Protocol):
    """The models of one job; every method may be called from several threads at once."""

    def stems(self, model: str) -> tuple[str, ...]:
        """Return the stems of a model, its residual last."""
        ...

    def chunks(self, model: str, samples: int) -> int:
        """Return into how many chunks a model cuts a signal."""
        ...

    def run(
        self,
        model: str,
        heard: Signal,
        folder: Path,
        due: Due,
        done: Callable[[int], None],
    ) -> Spool:
        """Let a model hear a signal; `done` is called with the chunks finished since the last call.

        Of the songs that a model works on, the chunks of the one with the smallest `due` are first.

        Raises:
            JobStoppedError: `stop` was called.
            StemwiseError: the model refuses the signal, or its deployment keeps failing.
        """
        ...

    def stop(self) -> None:
        """Make all calls of this job end within a chunk."""
        ...
