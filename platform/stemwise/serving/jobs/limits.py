"""How many jobs may wait, and when to come back where there is no room."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select

from stemwise.core.errors import QueueFullError, TooManyJobsError
from stemwise.serving.jobs.records import Status
from stemwise.serving.jobs.table import UNFINISHED, jobs

_RECENT = 30  # ended jobs that say how long a job takes
_LEAST_S, _MOST_S, _UNKNOWN_S = 1.0, 600.0, 10.0

_unfinished = jobs.c.status.in_(UNFINISHED)


@dataclass(frozen=True)
class QueueLimits:
    """How many unfinished (queued or running) jobs there may be, in all and of each owner."""

    max_unfinished: int
    max_unfinished_per_owner: int | None


def check_room(connection: Connection, owner: str, limits: QueueLimits) -> None:
    """Return where one more job of `owner` fits.

    Raises:
        QueueFullError, TooManyJobsError: it does not; `retry_after` says when it may.
    """
    total = _count(connection, _unfinished)
    if total >= limits.max_unfinished:
        raise QueueFullError(
            f"The service has {total} unfinished jobs and takes no more than "
            f"{limits.max_unfinished}: try again later.",
            retry_after=_retry_after(connection, _unfinished),
        )
    if limits.max_unfinished_per_owner is None:
        return
    own = and_(_unfinished, jobs.c.owner == owner)
    total = _count(connection, own)
    if total >= limits.max_unfinished_per_owner:
        raise TooManyJobsError(
            f"This key has {total} unfinished jobs and may have no more than "
            f"{limits.max_unfinished_per_owner}: wait for one, or cancel one.",
            retry_after=_retry_after(connection, own),
        )


def seconds_per_job(connection: Connection) -> float | None:
    """Return the mean seconds between two finished jobs when all workers are busy.

    That is the mean run time of recent jobs over the number of those that run now (at least one);
    None where none of the last ones succeeded.
    """
    recent = (  # by the index of ends alone: the service asks when it has most to do
        select(jobs.c.status, jobs.c.error, jobs.c.started_at, jobs.c.finished_at)
        .where(jobs.c.finished_at.is_not(None))
        .order_by(jobs.c.finished_at.desc())
        .limit(_RECENT)
        .subquery()
    )
    done = recent.c.status.in_((Status.SUCCEEDED, Status.EXPIRED)) & recent.c.error.is_(None)
    run_s = recent.c.finished_at - recent.c.started_at
    mean = connection.scalar(select(func.avg(run_s)).where(done))
    running = _count(connection, jobs.c.status == Status.RUNNING)
    return None if mean is None else float(mean) / max(1, running)


def _retry_after(connection: Connection, group: ColumnElement[bool]) -> float:
    """Estimate when the first job of `group` will be finished, in seconds from now."""
    pace = seconds_per_job(connection)
    if pace is None:
        return _UNKNOWN_S
    # An estimate: jobs of about equal length are begun in the order of their arrival.
    oldest = select(func.min(jobs.c.created_at)).where(group).scalar_subquery()
    ahead = _count(connection, _unfinished & (jobs.c.created_at <= oldest))
    return min(_MOST_S, max(_LEAST_S, pace * ahead))


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(jobs).where(condition)) or 0
