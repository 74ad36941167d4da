"""What workers do with jobs: claim one, renew the claim, end it.

A job is claimed for a time (its lease) that heartbeats prolong. A worker that dies, or that is paused
for longer than its lease, loses the job to the next one that claims; from then on nothing that it
says of the job counts. Workers and servers on several machines need clocks that agree within a
fraction of the lease.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from stemwise.serving.jobs.database import JobDatabase
from stemwise.serving.jobs.records import Due, Job, Status, due_at
from stemwise.serving.jobs.table import jobs, storable, to_job

_OWN_DUE = due_at(jobs.c.created_at, jobs.c.samples)
_DUE = case((jobs.c.deadline_at < _OWN_DUE, jobs.c.deadline_at), else_=_OWN_DUE)
_UNCLAIMED = {"worker": None, "lease_until": None, "chunks_done": 0, "chunks_total": None}


class JobClaims:
    """The workers' part of `JobStore`."""

    def __init__(self, database: JobDatabase, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def claim(
        self,
        worker: str,
        lease_s: float,
        max_attempts: int = 3,
        lost_ttl_s: float = 86_400,
        before: Due | None = None,
    ) -> Job | None:
        """Give the most urgent job that is queued, or whose lease has run out, to `worker`.

        It is the one that is due first (see `Due`); with `before` only one due earlier than that.

        A job whose lease has run out for the `max_attempts`th time becomes failed instead, with the
        reason `worker_lost`; where a tier of it is there, that is what it succeeded with. Its files are
        kept for `lost_ttl_s`.
        """
        with self._database.writing() as connection:
            now = self._clock()
            stalled = and_(jobs.c.status == Status.RUNNING, jobs.c.lease_until <= now)
            lost = stalled & (jobs.c.attempts >= max_attempts)
            _note_the_tier(connection, lost, max_attempts)
            connection.execute(
                update(jobs).where(lost).values(_lost(max_attempts, now, lost_ttl_s))
            )
            free = or_(jobs.c.status == Status.QUEUED, stalled)
            id = connection.scalar(_first(free if before is None else free & _earlier(before)))
            if id is None:
                return None
            claimed = {
                **_UNCLAIMED,
                "status": Status.RUNNING,
                "worker": worker,
                "lease_until": now + lease_s,
                "started_at": now,
                "attempts": jobs.c.attempts + 1,
            }
            query = update(jobs).where(jobs.c.id == id).values(claimed).returning(jobs)
            return to_job(connection.execute(query).mappings().one())

    def heartbeat(
        self,
        id: str,
        worker: str,
        lease_s: float,
        chunks_done: int,
        chunks_total: int | None,
        *,
        attempt: int | None = None,
    ) -> bool:
        """Prolong the lease and note the progress; False says that the worker must stop.

        The job is then cancelled or another's. Where threads share the name `worker`, `attempt` (the
        claimed job's `attempts`) tells their claims apart, here and in the methods below.
        """
        now = self._clock()
        values: dict[str, Any] = {"lease_until": now + lease_s, "chunks_done": chunks_done}
        if chunks_total is not None:
            values["chunks_total"] = chunks_total
        return self._update_claimed(id, worker, attempt, values)

    def publish(
        self, id: str, worker: str, result: Mapping[str, Any], *, attempt: int | None = None
    ) -> bool:
        """Show the stems of a claimed job's tier while the next is made; False: no longer ours.

        They stay until another tier is published or the job ends, whatever becomes of the worker.
        """
        return self._update_claimed(id, worker, attempt, _shown(result))

    def finish(
        self,
        id: str,
        worker: str,
        result: Mapping[str, Any],
        ttl_s: float,
        *,
        attempt: int | None = None,
    ) -> bool:
        """Mark a claimed job succeeded and keep its files for `ttl_s`; False: no longer ours.

        `result` must be JSON without NaN. Leave the job's files alone after False: whoever has the
        job now writes the same ones.
        """
        values = {"status": Status.SUCCEEDED} | _shown(result)
        return self._update_claimed(id, worker, attempt, values | self._end(ttl_s))

    def fail(
        self,
        id: str,
        worker: str,
        reason: str,
        error: str,
        ttl_s: float,
        result: Mapping[str, Any] | None = None,
        *,
        attempt: int | None = None,
    ) -> bool:
        """Mark a claimed job failed for `reason` (a word) and `error` (a sentence).

        `result` tells of those parts that were made nevertheless.
        """
        why = {"reason": storable(reason), "error": storable(error)}
        values = {"status": Status.FAILED} | _shown(result or {}) | why
        return self._update_claimed(id, worker, attempt, values | self._end(ttl_s))

    def release(self, id: str, worker: str, *, attempt: int | None = None) -> bool:
        """Give a claimed job back at its old place in the queue; the attempt does not count."""
        values = {"status": Status.QUEUED, "started_at": None, "attempts": jobs.c.attempts - 1}
        return self._update_claimed(id, worker, attempt, _UNCLAIMED | values)

    def _end(self, ttl_s: float) -> dict[str, Any]:
        now = self._clock()
        return {"finished_at": now, "expires_at": now + ttl_s, "lease_until": None}

    def _update_claimed(
        self, id: str, worker: str, attempt: int | None, values: Mapping[str, Any]
    ) -> bool:
        """Change a job only if it still runs under this claim, and tell whether it did."""
        claim = [jobs.c.id == id, jobs.c.status == Status.RUNNING, jobs.c.worker == worker]
        if attempt is not None:
            claim.append(jobs.c.attempts == attempt)
        with self._database.writing() as connection:
            return connection.execute(update(jobs).where(*claim).values(values)).rowcount == 1


def _earlier(than: Due) -> ColumnElement[bool]:
    return tuple_(_DUE, jobs.c.id) < tuple_(literal(than.at), literal(than.id))


def _first(condition: ColumnElement[bool]) -> Select[tuple[str]]:
    # PostgreSQL: workers that claim at the same time each lock another row. SQLite's dialect leaves
    # the clause out, as its writing transactions run one after the other.
    query = select(jobs.c.id).where(condition).order_by(_DUE, jobs.c.id)
    return query.limit(1).with_for_update(skip_locked=True)


def _shown(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"result": dict(result), "tier": result.get("tier")}


def _note_the_tier(connection: Connection, lost: ColumnElement[bool], max_attempts: int) -> None:
    """Say of lost jobs that have a tier to show why it is not a better one."""
    shown = select(jobs.c.id, jobs.c.tier, jobs.c.result).where(lost, jobs.c.tier.is_not(None))
    for id, tier, result in connection.execute(shown.with_for_update()).all():
        note = (
            f"No worker lived to finish a better tier in {max_attempts} attempts, so these are the "
            f"stems of {tier}."
        )
        told = update(jobs).where(jobs.c.id == id).values(result=dict(result) | {"note": note})
        connection.execute(told)


def _lost(max_attempts: int, now: float, ttl_s: float) -> dict[str, Any]:
    without = jobs.c.tier.is_(None)
    error = (
        f"No worker lived to finish this file in {max_attempts} attempts: submit it again, "
        "or look for what ended them in the server's log."
    )
    return {
        "status": case((without, Status.FAILED), else_=Status.SUCCEEDED),
        "reason": case((without, "worker_lost")),
        "error": case((without, error)),
        "finished_at": now,
        "expires_at": now + ttl_s,
        "lease_until": None,
    }
