"""A job's access to the model deployments; a replica that dies is asked for again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import ray
from ray.exceptions import (
    ObjectLostError,
    RayActorError,
    RayTaskError,
    TaskCancelledError,
)
from ray.serve.exceptions import DeploymentUnavailableError, RequestCancelledError

from stemwise.audio.raw import Signal
from stemwise.core.errors import ModelError, StemwiseError
from stemwise.separation.spool import Spool
from stemwise.serving.jobs.hand_over import Place, spool_of
from stemwise.serving.jobs.model_calls import JobStoppedError
from stemwise.serving.jobs.records import Due

T = TypeVar("T")
Done = Callable[[int], None]
# A lost replica is replaced by Serve in seconds; a song that kills every one is given up.
TRIES = 3
_PAUSE_S = 1.0
_LOST = (RayActorError, ObjectLostError, DeploymentUnavailableError)


class RemoteModels:
    """Implements `ModelCalls` with Serve's handles (see there).

    Args:
        handles: by model.
        stems: of each model, its residual last.
        retried: called with a model's name when a call is repeated.
    """

    def __init__(
        self,
        handles: Mapping[str, Any],
        stems: Mapping[str, Sequence[str]],
        retried: Callable[[str], None],
    ) -> None:
        self._handles, self._stems, self._retried = handles, stems, retried
        self._refs: dict[Signal, Any] = {}
        self._streams: set[Any] = set()
        self._lock = Lock()
        self._stopped = False

    def stems(self, model: str) -> tuple[str, ...]:
        """See `ModelCalls`."""
        return tuple(self._stems[model])

    def chunks(self, model: str, samples: int) -> int:
        """See `ModelCalls`."""
        ask = self._handles[model].chunks
        return self._again(model, lambda: int(ask.remote(samples).result()))

    def run(
        self,
        model: str,
        heard: Signal,
        folder: Path,
        due: Due,
        done: Callable[[int], None],
    ) -> Spool:
        """See `ModelCalls`."""
        attempts = iter(range(TRIES))
        ask = self._handles[model].options(stream=True)

        def once() -> Spool:
            below = folder / str(next(attempts))
            below.mkdir()
            return self._as_files(model, ask, heard, below, due, done) or self._as_objects(
                model, ask, heard, below, due, done
            )

        return self._again(model, once)

    def stop(self) -> None:
        """See `ModelCalls`."""
        with self._lock:
            self._stopped = True
            streams = list(self._streams)
        for stream in streams:
            stream.cancel()

    def _as_files(
        self, model: str, ask: Any, heard: Signal, folder: Path, due: Due, done: Done
    ) -> Spool | None:
        """Let the replica write the job's files; None where it does not see them."""
        place = Place.made(heard, folder, self.stems(model))
        if place is None:
            return None
        with self._counted(done) as count, self._open(ask.separate_in.remote(place, due)) as steps:
            for step in steps:
                if isinstance(step, tuple):
                    return spool_of(place, *step)
                if step is None:
                    return None
                count(step)
        raise ModelError(f"The model {model!r} ended before the song did.")

    def _as_objects(
        self, model: str, ask: Any, heard: Signal, folder: Path, due: Due, done: Done
    ) -> Spool:
        """Hand the signal over, and take the estimates, through Ray's object store."""
        spool = Spool(folder, self.stems(model))
        # in a list the reference itself arrives there, not a copy of what it refers to
        answer = ask.separate.remote([self._put(heard)], due)
        with self._counted(done) as count, self._open(answer) as stretches:
            for chunks, stretch in stretches:
                spool.add(stretch)
                count(chunks)
        return spool

    def _put(self, heard: Signal) -> Any:
        """Return the one reference to a signal that all its models share."""
        with self._lock:
            if heard not in self._refs:
                self._refs[heard] = ray.put(np.asarray(heard))
            return self._refs[heard]

    @contextmanager
    def _open(self, stream: Any) -> Iterator[Any]:
        """Let `stop` cancel a stream as long as it is read."""
        with self._lock:
            self._streams.add(stream)
        try:
            if self._stopped:
                stream.cancel()
            yield stream
        finally:
            with self._lock:
                self._streams.discard(stream)

    @contextmanager
    def _counted(self, done: Done) -> Iterator[Done]:
        """Pass chunks on, and take them back where the replica is lost."""
        counted = 0

        def count(chunks: int) -> None:
            nonlocal counted
            counted += chunks
            done(chunks)

        try:
            yield count
        except _LOST:
            done(-counted)
            raise

    def _again(self, model: str, call: Callable[[], T]) -> T:
        """Call, and call again where a replica was lost."""
        for attempt in range(1, TRIES + 1):
            if self._stopped:
                raise JobStoppedError
            try:
                return call()
            except _LOST as error:
                if attempt == TRIES:
                    raise ModelError(
                        f"The model {model!r} was lost {TRIES} times while it worked on this song: "
                        "it may need more memory than its deployment has."
                    ) from error
                self._retried(model)
                time.sleep(_PAUSE_S)
            except (TaskCancelledError, RequestCancelledError) as error:
                raise JobStoppedError from error
            except RayTaskError as error:
                raise self._translated(model, error) from error
        raise AssertionError("unreachable")

    def _translated(self, model: str, error: RayTaskError) -> Exception:
        cause = getattr(error, "cause", error)
        if self._stopped or isinstance(cause, JobStoppedError):
            return JobStoppedError()
        if isinstance(cause, StemwiseError):
            return ModelError(f"The model {model!r}: {cause}")
        reason = " ".join(f"{type(cause).__name__}: {cause}".split())[:300]
        return ModelError(f"The model {model!r} failed ({reason}).")
