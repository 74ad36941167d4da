"""Following a job to its end: by events while they come, else by asking again and again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import requests

from stemwise.client.answers import Separation, read
from stemwise.client.errors import (
    NotStemwiseError,
    ServerError,
    TransferError,
    UnreachableError,
    WaitTimeoutError,
)
from stemwise.client.event_stream import EventParser
from stemwise.client.replies import not_stemwise
from stemwise.client.retries import Retries
from stemwise.client.transport import Transport

Watcher = Callable[[Separation], None]

_STREAM = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-store",
}
# Streams that brought nothing, one after another, before polling takes over: a proxy holds them back.
_VAIN_STREAMS = 2


def job_path(job: str) -> str:
    """Return the path of a job below the server's address."""
    return f"/v1/separations/{quote(job, safe='')}"


@dataclass
class Watch:
    """Follows one job; `on_progress` hears of each change, once. `deadline` is monotonic time."""

    transport: Transport
    job: str
    on_progress: Watcher | None = None
    deadline: float | None = None
    _last: Separation | None = None
    _vain: int = 0
    _retries: Retries = field(init=False)

    def __post_init__(self) -> None:
        self._retries = Retries(self.transport.policy, deadline=self.deadline)

    def run(self) -> Separation:
        """Return the job once it is final.

        Raises:
            ServerError: it cannot be followed; WaitTimeoutError where the deadline passed.
        """
        while self._vain < _VAIN_STREAMS and self._left() > self.transport.policy.quiet_s:
            try:
                for job, done in self._events():
                    self._tell(job)
                    if done or job.final:
                        return job
                    if self._left() <= self.transport.policy.quiet_s:
                        break  # the next event may come too late: polls keep to the time
            except (NotStemwiseError, TransferError):
                self._vain += 1  # no stream of events, or an empty one
            except ServerError as error:
                self.transport.pause_or_raise(self._retries, error)
            else:
                time.sleep(self.transport.policy.poll_s)  # the stream was cut
        return self._poll()

    def _events(self) -> Iterator[tuple[Separation, bool]]:
        """Yield the job at each event of one stream, and whether it was the last one.

        Raises:
            TransferError: the stream ended early without having brought anything.
        """
        came = False
        path = f"{job_path(self.job)}/events"
        try:
            with self.transport.open("GET", path, _STREAM, self.transport.policy.quiet_s) as answer:
                for name, data in _decoded(answer, self.transport.base):
                    came = True
                    self._vain = 0
                    self._retries.progress()
                    yield data, name == "done"
        except UnreachableError:
            if not came:
                raise
        if not came:
            raise TransferError(f"{self.transport.base} sent no events.")

    def _poll(self) -> Separation:
        pause = self.transport.policy.poll_s
        while True:
            job = self.transport.ask(Separation, "GET", job_path(self.job), deadline=self.deadline)
            self._tell(job)
            if job.final:
                return job
            left = self._left()
            if left <= 0:
                raise WaitTimeoutError(
                    f"The job {self.job} at {self.transport.base} is not finished in the time given "
                    f"({job.status}, {100 * job.progress:.0f} %): still running, wait for it again."
                )
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, self.transport.policy.longest_poll_s)

    def _tell(self, job: Separation) -> None:
        if job != self._last and self.on_progress is not None:
            self.on_progress(job)
        self._last = job

    def _left(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()


def _decoded(answer: requests.Response, base: str) -> Iterator[tuple[str, Separation]]:
    """Yield name and job of each event of an answer."""
    sort = answer.headers.get("Content-Type", "no type").split(";")[0].strip()
    if sort != "text/event-stream":
        raise not_stemwise(base, answer.status_code, f"{sort[:60]!r} instead of events")
    parser = EventParser()
    # chunks are passed on as they come; without them only single bytes never wait for more
    for piece in answer.iter_content(None if getattr(answer.raw, "chunked", False) else 1):
        for event in parser.feed(piece):
            if event.name not in {"progress", "done"}:
                continue  # of a newer server
            try:
                yield event.name, read(Separation, json.loads(event.data))
            except ValueError as error:
                raise not_stemwise(base, answer.status_code, f"in an event, {error}") from error
