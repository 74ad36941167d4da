"""A separation job, as all of serving sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from stemwise.core.types import SAMPLE_RATE

# Lengths of songs count in steps of so many seconds, and samples.
LENGTH_STEP_S = 30.0
LENGTH_STEP = int(LENGTH_STEP_S * SAMPLE_RATE)
# Owner of the jobs of a server that asks for no keys.
ANYONE = ""


class Status(StrEnum):
    """Where a job is in its life (DESIGN: HTTP API)."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing more will be done for the job."""
        return self not in {Status.QUEUED, Status.RUNNING}


class Due(NamedTuple):
    """How urgent a job is: the smaller, the sooner it is worked on.

    A song is due as many seconds after it came as it lasts itself, in whole half minutes: songs of about
    one length are worked on in the order in which they came, since whoever overtakes costs those in
    work more than it gains. A shorter one overtakes a longer one that came before it by less than the
    difference of their lengths. So a song waits only for those that are due before it, all of which came
    at most its own length later: no stream of short songs delays a long one for ever.
    """

    at: float  # seconds since the epoch
    id: str


def due_at(created_at: Any, samples: Any) -> Any:
    """Return when a job is due (see `Due`), of two numbers or of two columns of the table of jobs."""
    return created_at + LENGTH_STEP_S * ((samples + LENGTH_STEP - 1) // LENGTH_STEP)


@dataclass(frozen=True)
class NewJob:
    """What a request asks for, once its audio has been accepted and stored.

    `id` also names the job's folders among the files. `title` is shown to people and never used as a
    path. `samples` counts the decoded mixture at 44.1 kHz. `digest` is of the request's content
    (file, recipe, stems, format); it tells a repeated request from another one under the same
    `idempotency_key`. At `deadline_at` (seconds since the epoch) the best tier so far is the answer.
    """

    id: str
    owner: str
    recipe: str
    stems: tuple[str, ...]
    format: str
    title: str
    samples: int
    digest: str
    idempotency_key: str | None = None
    deadline_at: float | None = None


@dataclass(frozen=True)
class Job:
    """One row of the job store. Times are seconds since the epoch.

    `worker` and `lease_until` say who runs it and until when that is believed without a heartbeat.
    `chunks_total` is None until the models have been asked. `reason` is a short machine-readable
    word, `error` one sentence. `result` holds what `serving.schemas` shows of a finished job, or of the
    best `tier` so far of one that goes on.
    """

    id: str
    owner: str
    status: Status
    recipe: str
    stems: tuple[str, ...]
    format: str
    title: str
    samples: int
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    expires_at: float | None = None
    chunks_done: int = 0
    chunks_total: int | None = None
    attempts: int = 0
    worker: str | None = None
    lease_until: float | None = None
    reason: str | None = None
    error: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    deadline_at: float | None = None
    tier: str | None = None

    @property
    def due(self) -> Due:
        """How urgent it is: an early deadline counts as a short song does."""
        own = due_at(self.created_at, self.samples)
        return Due(own if self.deadline_at is None else min(own, self.deadline_at), self.id)

    @property
    def has_stems(self) -> bool:
        """Whether stems are there to be read: of a finished job, or of a tier while the next is made."""
        kept = self.status in {Status.SUCCEEDED, Status.FAILED}
        return kept or (self.tier is not None and not self.status.final)

    @property
    def progress(self) -> float:
        """Share of the chunks that are done, from 0 to 1."""
        if self.status is Status.SUCCEEDED:
            return 1.0
        return min(1.0, self.chunks_done / self.chunks_total) if self.chunks_total else 0.0
