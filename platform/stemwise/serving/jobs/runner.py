"""A worker: takes jobs from the store and works on several at a time, without Ray.

What it holds is a lease. As long as it lives it says so; when it is killed, its jobs are taken by
another worker once their leases run out. A job that is cancelled, or that was taken over while this
worker was paused, is noticed at the next pulse and stopped within a chunk.
"""

from __future__ import annotations

import logging
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread

from stemwise.core.errors import NotReadyError, StemwiseError
from stemwise.separation.recipe import Recipe
from stemwise.serving.files.job_files import JobFiles
from stemwise.serving.jobs import results
from stemwise.serving.jobs.model_calls import JobStoppedError, ModelCalls
from stemwise.serving.jobs.records import Job
from stemwise.serving.jobs.store import JobStore
from stemwise.serving.jobs.turns import Turns
from stemwise.serving.jobs.work import JobWork
from stemwise.serving.settings import JobSettings

PULSE_S = 0.25
_IDLE_S = 0.5
_CLEAN_S = 30.0
_ORPHAN_S = 3600.0

# Called with (job, outcome, work): outcome is a Status' value, or `stopped`.
Ended = Callable[[Job, str, "JobWork | None"], None]


class JobRunner:
    """Works on jobs until it is stopped.

    Args:
        recipes: by name; a job of another recipe fails.
        calls: makes the access to the models for one job.
        slots: jobs at a time, the most urgent ones (see `Due`). One that loses its place to a more
            urgent one goes on beside it, as long as there are no more than twice as many.
        turns: how many of their models and encoders work at a time.
        logger: told about each job's beginning and end, with `separation_id` as an extra.
        ended: told of each job that ended here.
    """

    def __init__(
        self,
        store: JobStore,
        files: JobFiles,
        recipes: Mapping[str, Recipe],
        calls: Callable[[], ModelCalls],
        settings: JobSettings,
        slots: int,
        turns: Turns,
        logger: logging.Logger,
        ended: Ended = lambda *_: None,
    ) -> None:
        self.store, self.files, self.recipes = store, files, recipes
        self.settings, self.slots, self.turns = settings, slots, turns
        self.name = uuid.uuid4().hex
        self._calls, self._log, self._ended = calls, logger, ended
        self._active: dict[tuple[str, int], JobWork] = {}
        self._held: dict[tuple[str, int], Job] = {}  # claimed here and not ended
        self._lock, self._wake, self._stopping = Lock(), Event(), Event()
        self._pool = ThreadPoolExecutor(2 * slots, "job")
        loops = (self._take_jobs, self._pulse, self._clean)
        self._loops = [Thread(target=self._guard, args=(loop,), daemon=True) for loop in loops]

    def start(self) -> None:
        """Begin to take jobs."""
        for thread in self._loops:
            thread.start()

    def wake(self) -> None:
        """Look for a job now, not at the next turn."""
        self._wake.set()

    def idle(self) -> bool:
        """Tell whether no job is in progress here."""
        with self._lock:
            return not self._held

    def alive(self) -> bool:
        """Tell whether jobs are still being taken and kept."""
        return all(thread.is_alive() for thread in self._loops)

    def stop(self) -> None:
        """Give back what is being worked on, as if it had never been begun."""
        self._stopping.set()
        self._wake.set()
        with self._lock:
            held, active = list(self._held.values()), list(self._active.values())
        for work in active:
            work.stop()
        for job in held:
            self._give_back(job)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _give_back(self, job: Job) -> None:
        try:
            self.store.release(job.id, self.name, attempt=job.attempts)
        except StemwiseError as away:  # its lease brings the job back
            self._log.error("Job %s: %s", job.id, away, extra={"separation_id": job.id})

    def _guard(self, loop: Callable[[], None]) -> None:
        """Repeat a loop's step; a database that does not answer for a while ends nothing."""
        while not self._stopping.is_set():
            try:
                loop()
            except (StemwiseError, OSError) as error:
                self._log.error("The job store or its files do not respond: %s", error)
                self._stopping.wait(1.0)

    def _take_jobs(self) -> None:
        job = self._claim()
        if job is None:
            self._wake.wait(_IDLE_S)
            self._wake.clear()
            return
        with self._lock:
            if not self._stopping.is_set():
                self._held[job.id, job.attempts] = job
                self._pool.submit(self._work, job)
                return
        self._give_back(job)  # `stop` was called while it was claimed

    def _claim(self) -> Job | None:
        """Claim the next job if it is among the `slots` most urgent ones."""
        with self._lock:
            held = sorted(job.due for job in self._held.values())
        if len(held) >= 2 * self.slots:
            return None
        before = held[self.slots - 1] if len(held) >= self.slots else None
        limits = self.settings
        return self.store.claim(
            self.name, limits.lease_s, limits.max_attempts, limits.keep_s, before
        )

    def _pulse(self) -> None:
        """Renew all leases, write progress, and stop what is no longer ours."""
        with self._lock:
            active = list(self._active.values())
        for work in active:
            if not self._renew(work):
                work.stop()
            elif work.late():
                work.cut_short()
        self._stopping.wait(PULSE_S)

    def _renew(self, work: JobWork) -> bool:
        """Tell the store that the job is worked on, and how far; False: it is no longer ours."""
        job, at, lease = work.job, work.progress, self.settings.lease_s
        return self.store.heartbeat(
            job.id, self.name, lease, at.done, at.total, attempt=job.attempts
        )

    def _clean(self) -> None:
        """Delete the files of expired and cancelled jobs, old rows, and files without a job."""
        for job_id in self.store.expire():
            self.files.delete(job_id)
        self.store.forget(self.settings.forget_s)
        for job_id in self.files.orphans(self.store.ids(), _ORPHAN_S):
            self.files.delete(job_id)
        self._stopping.wait(_CLEAN_S)

    def _work(self, job: Job) -> None:
        begun = time.monotonic()
        extra = {"separation_id": job.id}
        self._log.info("Job %s begins (attempt %d).", job.id, job.attempts, extra=extra)
        outcome = "failed"
        try:
            with tempfile.TemporaryDirectory(
                prefix="stemwise-job-", ignore_cleanup_errors=True
            ) as scratch:
                outcome = self._attempt(job, Path(scratch))
        except JobStoppedError:
            outcome = "stopped"
        except NotReadyError as away:  # its lease brings the job back
            self._log.error("Job %s is put off: %s", job.id, away, extra=extra)
            outcome = "stopped"
        except StemwiseError as error:
            self._log.warning("Job %s failed: %s", job.id, error, extra=extra)
            outcome = self._fail(job, "separation_failed", str(error))
        except Exception:  # noqa: BLE001 (logged) one job's fault must not end the worker that runs the others
            self._log.exception("Job %s met an internal error.", job.id, extra=extra)
            outcome = self._fail(
                job, "internal", "Internal error while processing this job; see the server's log."
            )
        finally:
            with self._lock:
                work = self._active.pop((job.id, job.attempts), None)
                del self._held[job.id, job.attempts]
            self._wake.set()
            seconds = time.monotonic() - begun
            self._log.info("Job %s %s after %.1f s.", job.id, outcome, seconds, extra=extra)
            self._ended(job, outcome, work)

    def _attempt(self, job: Job, scratch: Path) -> str:
        recipe = self.recipes.get(job.recipe)
        if recipe is None:
            return self._fail(
                job, "unknown_recipe", f"This server no longer has the recipe {job.recipe!r}."
            )
        work = JobWork(
            job, recipe, self.files, self._calls(), scratch, self.turns, partial(self._publish, job)
        )
        with self._lock:
            if self._stopping.is_set():
                raise JobStoppedError
            self._active[job.id, job.attempts] = work
        made = work()
        if not self._renew(work):  # also notes the last chunks
            raise JobStoppedError
        if made.failures:
            detail = " ".join(f"{stem}: {error}" for stem, error in made.failures.items())
            return self._fail(job, "stems_failed", detail, made.result)
        keep, attempt = self.settings.keep_s, job.attempts
        if not self.store.finish(job.id, self.name, made.result, keep, attempt=attempt):
            return "stopped"
        self._drop_input(job)
        return "succeeded"

    def _publish(self, job: Job, result: Mapping[str, object]) -> bool:
        return self.store.publish(job.id, self.name, result, attempt=job.attempts)

    def _drop_input(self, job: Job) -> None:
        try:
            self.files.remove(results.input_key(job.id))
        except StemwiseError as error:  # it goes with the job's other files
            self._log.warning("Job %s: %s", job.id, error, extra={"separation_id": job.id})

    def _fail(
        self, job: Job, reason: str, error: str, result: Mapping[str, object] | None = None
    ) -> str:
        """Note the failure, and return how the job ended here."""
        keep, attempt = self.settings.keep_s, job.attempts
        try:
            ours = self.store.fail(
                job.id, self.name, reason, error, keep, result or {}, attempt=attempt
            )
        except StemwiseError as away:  # its lease brings the job back
            self._log.error("Job %s: %s", job.id, away, extra={"separation_id": job.id})
            return "stopped"
        return "failed" if ours else "stopped"
