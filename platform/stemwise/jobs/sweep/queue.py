"""Which job of a sweep runs when: so many at once, and none before the one whose songs it takes over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from stemwise.jobs.sweep.plan import SweepJob
from stemwise.jobs.sweep.record import Outcome

Work = Callable[[SweepJob], Outcome]
W = TypeVar("W")


class Queue(Generic[W]):
    """Works off jobs in threads, each with a worker of its own.

    Args:
        jobs: to be done, in their order; those that measure for others come first.
        leaders: number of a job → number of the one that it waits for, if that is to be done too.
        finished: called with each job and its outcome, one call at a time.
    """

    def __init__(
        self,
        jobs: Sequence[SweepJob],
        leaders: Mapping[int, int],
        finished: Callable[[SweepJob, Outcome], None],
    ) -> None:
        self._waiting = sorted(jobs, key=lambda job: job.number in leaders)
        self._undone = {job.number for job in jobs}
        self._leaders, self._finished = leaders, finished
        self._changed = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._problem: BaseException | None = None

    def work_off(self, workers: Sequence[W], run: Callable[[W, SweepJob], Outcome]) -> None:
        """Do all jobs; returns when none is left, or `stop` was called and those begun have ended."""
        self._threads = [
            threading.Thread(target=self._work, args=(worker, run), daemon=True)
            for worker in workers
        ]
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            while thread.is_alive():
                thread.join(0.2)  # so that an interrupt is heeded
        if self._problem is not None:
            raise self._problem

    def stop(self) -> None:
        """Begin no further job."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait(self, patience_s: float) -> None:
        """Wait, so long at most, until the jobs that have begun are done."""
        until = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self, worker: W, run: Callable[[W, SweepJob], Outcome]) -> None:
        while (job := self._next()) is not None:
            try:
                outcome = run(worker, job)
                with self._changed:
                    self._finished(job, outcome)
            except BaseException as error:  # noqa: BLE001 - raised by `work_off`
                self._problem = error
                self.stop()
            with self._changed:
                self._undone.discard(job.number)
                self._changed.notify_all()

    def _next(self) -> SweepJob | None:
        """Return a job that can begin, waiting for one; None when there are no more."""
        with self._changed:
            while True:
                if self._stopped or not self._waiting:
                    return None
                ready = next((job for job in self._waiting if self._can_begin(job)), None)
                if ready is not None:
                    self._waiting.remove(ready)
                    return ready
                self._changed.wait()

    def _can_begin(self, job: SweepJob) -> bool:
        return self._leaders.get(job.number) not in self._undone
