"""A job's access to the model deployments; a replica that dies is asked for again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
from stemwise.serving.jobs.model_calls import JobStoppedError

T = TypeVar("T")
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

    def run(self, model: str, heard: Signal, folder: Path, done: Callable[[int], None]) -> Spool:
        """See `ModelCalls`."""
        reference = self._put(heard)
        attempts = iter(range(TRIES))

        def once() -> Spool:
            below = folder / str(next(attempts))
            below.mkdir()
            return self._stream(model, reference, Spool(below, self.stems(model)), done)

        return self._again(model, once)

    def stop(self) -> None:
        """See `ModelCalls`."""
        with self._lock:
            self._stopped = True
            streams = list(self._streams)
        for stream in streams:
            stream.cancel()

    def _put(self, heard: Signal) -> Any:
        """Return the one reference to a signal that all its models share."""
        with self._lock:
            if heard not in self._refs:
                self._refs[heard] = ray.put(np.asarray(heard))
            return self._refs[heard]

    def _stream(
        self, model: str, reference: Any, spool: Spool, done: Callable[[int], None]
    ) -> Spool:
        counted = 0
        # in a list the reference itself arrives there, not a copy of what it refers to
        stream = self._handles[model].options(stream=True).separate.remote([reference])
        with self._lock:
            self._streams.add(stream)
        try:
            if self._stopped:
                stream.cancel()
            for chunks, stretch in stream:
                spool.add(stretch)
                counted += chunks
                done(chunks)
        except _LOST:
            done(-counted)
            raise
        finally:
            with self._lock:
                self._streams.discard(stream)
        return spool

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
