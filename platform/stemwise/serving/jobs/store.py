"""Durable jobs in a database that many processes and threads use at the same time.

SQLite needs a local disk and serves the processes of one machine; several machines share PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import (
    ColumnElement,
    Connection,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from stemwise.core.errors import ConflictError, NotFoundError
from stemwise.serving.jobs.claims import JobClaims
from stemwise.serving.jobs.database import SUBMIT_LOCK, JobDatabase
from stemwise.serving.jobs.limits import QueueLimits, check_room, seconds_per_job
from stemwise.serving.jobs.records import Job, NewJob, Status
from stemwise.serving.jobs.table import FINISHED, UNFINISHED, jobs, new_row, storable, to_job

__all__ = ["JobStore", "QueueLimits"]


class JobStore(JobClaims):
    """All jobs of a service. Every method is one transaction and may be called from any thread.

    Every method raises `NotReadyError` where the database does not answer.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        """Open the store at `url`; `clock` gives seconds since the epoch.

        Raises:
            ConfigError, MissingDependencyError, OutputError: as `JobDatabase`.
        """
        super().__init__(JobDatabase(url), clock)

    # What clients do.

    def submit(self, new: NewJob, limits: QueueLimits) -> tuple[Job, bool]:
        """Queue a job and return it, with True; or a repeated request's earlier job, with False.

        Raises:
            ConflictError: the Idempotency-Key was used for another request.
            QueueFullError, TooManyJobsError: there is no room.
        """
        with self._database.writing() as connection:
            self._database.lock(connection, SUBMIT_LOCK)
            known = _repeat(connection, new.owner, new.idempotency_key, new.digest)
            if known:
                return known, False
            check_room(connection, new.owner, limits)
            row = new_row(new, self._clock())
            made = connection.execute(insert(jobs).values(row).returning(jobs)).mappings().one()
            return to_job(made), True

    def find_repeat(self, owner: str, idempotency_key: str | None, digest: str) -> Job | None:
        """Return the job that an equal request of `owner` made under the same key, or None.

        Raises:
            ConflictError: the key was used for another request.
        """
        with self._database.reading() as connection:
            return _repeat(connection, owner, idempotency_key, digest)

    def check_room(self, owner: str, limits: QueueLimits) -> None:
        """Return where `submit` would find room now, so that no upload is read in vain.

        Raises:
            QueueFullError, TooManyJobsError: it would not.
        """
        with self._database.reading() as connection:
            check_room(connection, owner, limits)

    def get(self, id: str, owner: str | None = None) -> Job:
        """Return a job; with an `owner`, only a job of that owner.

        Raises:
            NotFoundError: there is none.
        """
        with self._database.reading() as connection:
            return _get(connection, id, owner)

    def recent(self, owner: str, limit: int) -> list[Job]:
        """Return the newest `limit` jobs of `owner`, newest first."""
        query = select(jobs).where(jobs.c.owner == owner)
        query = query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [to_job(row) for row in connection.execute(query).mappings()]

    def cancel(self, id: str, owner: str | None = None) -> Job:
        """Cancel an unfinished job, let a succeeded one expire, and return it.

        A failed job stays failed. In each case the files go with the next `expire`.

        Raises:
            NotFoundError: there is no such job of `owner`.
        """
        status = jobs.c.status
        unfinished = status.in_(UNFINISHED)
        after = case(
            (unfinished, Status.CANCELLED),
            (status == Status.SUCCEEDED, Status.EXPIRED),
            else_=status,
        )
        with self._database.writing() as connection:
            now = self._clock()
            query = update(jobs).where(jobs.c.id == id, jobs.c.keeps_files, _owned(owner))
            connection.execute(
                query.values(
                    status=after,
                    finished_at=case((unfinished, now), else_=jobs.c.finished_at),
                    expires_at=case((jobs.c.expires_at < now, jobs.c.expires_at), else_=now),
                    lease_until=None,
                )
            )
            return _get(connection, id, owner)

    # What keeps the store tidy, and what shows its state.

    def expire(self) -> list[str]:
        """Let finished jobs expire whose time has come; return the jobs whose files are to go.

        Those of cancelled jobs go at once. Every id is returned once: where the caller dies before
        it has deleted the files, `ids` no longer holds the job and its files are orphans.
        """
        with self._database.writing() as connection:
            due = jobs.c.status.in_(FINISHED) & (jobs.c.expires_at <= self._clock())
            gone = jobs.c.status.in_((Status.CANCELLED, Status.EXPIRED))
            status = case((gone, jobs.c.status), else_=Status.EXPIRED)
            query = update(jobs).where(jobs.c.keeps_files, due | gone)
            query = query.values(status=status, keeps_files=False)
            return list(connection.scalars(query.returning(jobs.c.id)))

    def forget(self, older_than_s: float) -> int:
        """Delete the rows of jobs that ended longer ago and keep no files; return how many."""
        with self._database.writing() as connection:
            old = jobs.c.finished_at < self._clock() - older_than_s
            final = jobs.c.status.not_in(UNFINISHED) & ~jobs.c.keeps_files
            return connection.execute(delete(jobs).where(final, old)).rowcount

    def counts(self) -> dict[Status, int]:
        """Return how many jobs have each status."""
        query = select(jobs.c.status, func.count().label("jobs")).group_by(jobs.c.status)
        with self._database.reading() as connection:
            found = {row.status: row.jobs for row in connection.execute(query)}
        return {status: found.get(status, 0) for status in Status}

    def oldest_queued_age(self) -> float | None:
        """Return for how many seconds the oldest queued job waits; None where none does."""
        query = select(func.min(jobs.c.created_at)).where(jobs.c.status == Status.QUEUED)
        with self._database.reading() as connection:
            oldest = connection.scalar(query)
        return None if oldest is None else max(0.0, self._clock() - oldest)

    def backlog_s(self) -> float | None:
        """Estimate after how many seconds all queued jobs are begun; None where nothing is known."""
        query = select(func.count()).where(jobs.c.status == Status.QUEUED)
        with self._database.reading() as connection:
            pace = seconds_per_job(connection)
            queued = connection.scalar(query) or 0
        return None if pace is None else pace * queued

    def ids(self) -> set[str]:
        """Return the jobs whose files are needed: unfinished ones, and finished ones' results."""
        query = select(jobs.c.id).where(jobs.c.status.in_(UNFINISHED + FINISHED))
        with self._database.reading() as connection:
            return set(connection.scalars(query))

    def close(self) -> None:
        """Close all connections."""
        self._database.close()


def _owned(owner: str | None) -> ColumnElement[bool]:
    return jobs.c.owner == (jobs.c.owner if owner is None else owner)


def _get(connection: Connection, id: str, owner: str | None) -> Job:
    query = select(jobs).where(jobs.c.id == id, _owned(owner))
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no separation {storable(id)!r}: list yours to see them.")
    return to_job(row)


def _repeat(connection: Connection, owner: str, key: str | None, digest: str) -> Job | None:
    if key is None:
        return None
    query = select(jobs).where(jobs.c.owner == owner, jobs.c.idempotency_key == key)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    if row["digest"] != digest:
        raise ConflictError(
            f"The Idempotency-Key {key!r} was used for another request (separation {row['id']}): "
            "send a new key with new content."
        )
    return to_job(row)
