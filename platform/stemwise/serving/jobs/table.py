"""The tables of the job store, and how a row becomes a `Job`."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from stemwise.serving.jobs.records import Job, NewJob, Status

# Raised with every change of the tables that an older program could not work with.
SCHEMA_VERSION = 1

UNFINISHED = (Status.QUEUED, Status.RUNNING)
FINISHED = (Status.SUCCEEDED, Status.FAILED)  # their results are kept until they expire

metadata = MetaData()

schema = Table(
    "stemwise_schema",
    metadata,
    Column("version", Integer, nullable=False),
)

# `keeps_files` is true until `JobStore.expire` has handed the job's files over for deletion.
jobs = Table(
    "stemwise_jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("idempotency_key", String),
    Column("digest", String, nullable=False),
    Column("status", String, nullable=False),
    Column("recipe", String, nullable=False),
    Column("stems", JSON, nullable=False),
    Column("format", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("expires_at", Double),
    Column("chunks_done", Integer, nullable=False),
    Column("chunks_total", Integer),
    Column("attempts", Integer, nullable=False),
    Column("worker", String),
    Column("lease_until", Double),
    Column("reason", String),
    Column("error", Text),
    Column("result", JSON, nullable=False),
    Column("keeps_files", Boolean, nullable=False),
    # later columns: null in rows of programs that do not know them (`JobDatabase` adds them)
    Column("deadline_at", Double),
    Column("tier", String),
    # Requests without a key never meet: NULLs are distinct in both databases.
    UniqueConstraint("owner", "idempotency_key"),
    Index("stemwise_jobs_by_status", "status", "created_at"),
    Index("stemwise_jobs_by_owner", "owner", "created_at"),
    Index("stemwise_jobs_by_end", "finished_at"),
)

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Return `text` with what no database takes (NUL, halves of surrogate pairs) as U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def new_row(new: NewJob, now: float) -> dict[str, Any]:
    """Return the row of a job that was accepted at `now`."""
    return {
        "id": new.id,
        "owner": new.owner,
        "idempotency_key": new.idempotency_key,
        "digest": new.digest,
        "status": Status.QUEUED,
        "recipe": new.recipe,
        "stems": list(new.stems),
        "format": new.format,
        "title": storable(new.title),
        "samples": new.samples,
        "created_at": now,
        # whoever uploads slowly is not more urgent than one who came at once
        "deadline_at": None if new.deadline_at is None else max(now, new.deadline_at),
        "chunks_done": 0,
        "attempts": 0,
        "result": {},
        "keeps_files": True,
    }


def to_job(row: RowMapping) -> Job:
    """Return the job that a row of `jobs` describes."""
    inner = {"idempotency_key", "digest", "keeps_files"}
    fields = {str(name): value for name, value in row.items() if name not in inner}
    fields["status"] = Status(fields["status"])
    fields["stems"] = tuple(fields["stems"])
    return Job(**fields)
