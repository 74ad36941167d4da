"""The job store against a model in memory, under any order of what clients and workers do."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stemwise.core.errors import ConflictError, QueueFullError, TooManyJobsError
from stemwise.core.types import SAMPLE_RATE
from stemwise.serving.jobs.records import Due, NewJob, Status
from stemwise.serving.jobs.store import JobStore, QueueLimits

from ...conftest import examples

LIMITS = QueueLimits(max_unfinished=4, max_unfinished_per_owner=3)
LEASE, TTL, ATTEMPTS = 10.0, 25.0, 2
WORKERS = st.sampled_from(["w1", "w2", "w3"])
OWNERS = st.sampled_from(["ann", "bob"])


@dataclass
class Model:
    """What a job must be like."""

    id: str
    owner: str
    created: float
    seconds: int
    digest: str
    key: str | None
    status: Status = Status.QUEUED
    attempts: int = 0
    worker: str | None = None
    lease: float = 0.0
    expires: float | None = None
    files: bool = True

    @property
    def due(self) -> tuple[float, str]:
        return self.created + 30 * math.ceil(self.seconds / 30), self.id

    @property
    def unfinished(self) -> bool:
        return not self.status.final


@dataclass
class Models:
    jobs: dict[str, Model] = field(default_factory=dict)

    def unfinished(self, owner: str | None = None) -> int:
        return sum(job.unfinished and owner in {None, job.owner} for job in self.jobs.values())

    def of_key(self, owner: str, key: str | None) -> Model | None:
        same = (job for job in self.jobs.values() if (job.owner, job.key) == (owner, key))
        return next(same, None) if key else None


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = 100.0
        self.url = f"sqlite:///{Path(self.folder.name) / 'jobs.db'}"
        self.store = JobStore(self.url, lambda: self.now)
        self.model = Models()
        self.made = 0
        self.claims: list[tuple[str, str, int]] = []  # all that ever were, the lost ones as well

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(
        owner=OWNERS,
        key=st.sampled_from([None, "k"]),
        digest=st.sampled_from(["d1", "d2"]),
        seconds=st.sampled_from([1, 40, 80]),
    )
    def submit(self, owner: str, key: str | None, digest: str, seconds: int) -> None:
        self.made += 1
        id = f"j{self.made:04}"
        known = self.model.of_key(owner, key)
        new = NewJob(
            id, owner, "best", ("vocals",), "flac", "t", seconds * SAMPLE_RATE, digest, key
        )
        try:
            job, is_new = self.store.submit(new, LIMITS)
        except ConflictError:
            assert known and known.digest != digest
        except QueueFullError:
            assert self.model.unfinished() == LIMITS.max_unfinished
        except TooManyJobsError:
            assert self.model.unfinished(owner) == LIMITS.max_unfinished_per_owner
        else:
            assert is_new == (known is None)
            assert job.id == (known.id if known else id)
            if is_new:
                self.model.jobs[id] = Model(id, owner, self.now, seconds, digest, key)
                assert self.model.unfinished() <= LIMITS.max_unfinished
                assert self.model.unfinished(owner) <= 3

    @rule(worker=WORKERS, before=st.none() | st.floats(0, 100))
    def claim(self, worker: str, before: float | None) -> None:
        limit = None if before is None else Due(self.now + before - 50, "j0002")
        ready = []
        for job in self.model.jobs.values():
            stalled = job.status is Status.RUNNING and job.lease <= self.now
            if stalled and job.attempts >= ATTEMPTS:
                job.status, job.expires = Status.FAILED, self.now + TTL
            elif (stalled or job.status is Status.QUEUED) and (limit is None or job.due < limit):
                ready.append(job)
        claimed = self.store.claim(worker, LEASE, ATTEMPTS, lost_ttl_s=TTL, before=limit)
        if claimed is None:
            assert not ready
            return
        first = min(ready, key=lambda job: job.due)
        assert claimed.id == first.id and claimed.worker == worker
        first.status, first.worker, first.lease = Status.RUNNING, worker, self.now + LEASE
        first.attempts += 1
        self.claims.append((first.id, worker, first.attempts))

    def held(self, data: st.DataObject) -> tuple[Model | None, str, str, int]:
        """Choose a claim; its job is the model's only where the claim still holds."""
        id, worker, attempt = data.draw(st.sampled_from(self.claims))
        job = self.model.jobs.get(id)
        holds = job and (job.status, job.worker, job.attempts) == (Status.RUNNING, worker, attempt)
        return (job if holds else None), id, worker, attempt

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), done=st.integers(0, 5))
    def heartbeat(self, data: st.DataObject, done: int) -> None:
        job, id, worker, attempt = self.held(data)
        answer = self.store.heartbeat(id, worker, LEASE, done, 5, attempt=attempt)
        assert answer == (job is not None)
        if job:
            job.lease = self.now + LEASE
            assert self.store.get(id).chunks_done == done

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), well=st.booleans())
    def end(self, data: st.DataObject, well: bool) -> None:
        job, id, worker, attempt = self.held(data)
        if well:
            answer = self.store.finish(id, worker, {"by": worker}, TTL, attempt=attempt)
        else:
            answer = self.store.fail(id, worker, "broken", "It broke.", TTL, attempt=attempt)
        assert answer == (job is not None)
        if job:
            job.status = Status.SUCCEEDED if well else Status.FAILED
            job.expires = self.now + TTL

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        job, id, worker, attempt = self.held(data)
        assert self.store.release(id, worker, attempt=attempt) == (job is not None)
        if job:
            job.status, job.worker = Status.QUEUED, None
            job.attempts -= 1

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = self.model.jobs[data.draw(st.sampled_from(sorted(self.model.jobs)))]
        if job.unfinished:
            job.status, job.expires = Status.CANCELLED, self.now
        elif job.status is Status.SUCCEEDED:
            job.status, job.expires = Status.EXPIRED, self.now
        elif job.status is Status.FAILED and job.expires is not None:
            job.expires = min(job.expires, self.now)
        assert self.store.cancel(job.id, job.owner).status is job.status

    @rule(seconds=st.sampled_from([0.5, 5.0, 10.0, 30.0]))
    def advance(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        due = set()
        for job in self.model.jobs.values():
            finished = job.status in {Status.SUCCEEDED, Status.FAILED}
            if finished and job.expires is not None and job.expires <= self.now:
                job.status = Status.EXPIRED
            if job.files and job.status in {Status.CANCELLED, Status.EXPIRED}:
                job.files = False
                due.add(job.id)
        assert set(self.store.expire()) == due

    @rule()
    def forget(self) -> None:
        gone = [id for id, job in self.model.jobs.items() if job.status.final and not job.files]
        self.now += 0.001  # all that ended until now is older
        assert self.store.forget(0) == len(gone)
        for id in gone:
            del self.model.jobs[id]

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = JobStore(self.url, lambda: self.now)

    @invariant()
    def the_store_agrees(self) -> None:
        found = {job.id: job for owner in ("ann", "bob") for job in self.store.recent(owner, 999)}
        assert {id: job.status for id, job in found.items()} == {
            id: job.status for id, job in self.model.jobs.items()
        }
        for id, job in self.model.jobs.items():
            assert found[id].attempts == job.attempts
            if job.status is Status.RUNNING:
                assert (found[id].worker, found[id].lease_until) == (job.worker, job.lease)
            else:
                assert found[id].lease_until is None
        statuses = [job.status for job in self.model.jobs.values()]
        assert self.store.counts() == {status: statuses.count(status) for status in Status}
        kept = {Status.CANCELLED, Status.EXPIRED}
        assert self.store.ids() == {i for i, j in self.model.jobs.items() if j.status not in kept}


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=examples(15, 40), stateful_step_count=40, deadline=None)
