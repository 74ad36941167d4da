"""A worker: takes jobs from the store and works on several at a time, without Ray.

What it holds is a lease. As long as it lives it says so; when it is killed, its jobs are taken by
another worker once their leases run out. A job that is cancelled, or that was taken over while this
worker was paused, is noticed at the next pulse and stopped within a chunk.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock, Thread

from stemwise.errors import StemwiseError
from stemwise.separation.recipe import Recipe
from stemwise.serving import results
from stemwise.serving.files import JobFiles
from stemwise.serving.job_store import JobStore
from stemwise.serving.job_work import JobWork
from stemwise.serving.model_calls import JobStoppedError, ModelCalls
from stemwise.serving.records import Job
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
        slots: jobs at a time.
        logger: told about each job's beginning and end, with `job_id` as an extra.
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
        logger: logging.Logger,
        ended: Ended = lambda *_: None,
    ) -> None:
        self.store, self.files, self.recipes = store, files, recipes
        self.settings, self.slots = settings, slots
        self.name = uuid.uuid4().hex
        self._calls, self._log, self._ended = calls, logger, ended
        self._active: dict[tuple[str, int], JobWork] = {}
        self._taken = 0
        self._lock, self._wake, self._stopping = Lock(), Event(), Event()
        self._pool = ThreadPoolExecutor(slots, "job")
        loops = (self._take_jobs, self._pulse, self._clean)
        self._loops = [Thread(target=self._guard, args=(loop,), daemon=True) for loop in loops]

    def start(self) -> None:
        """Begin to take jobs."""
        for thread in self._loops:
            thread.start()

    def wake(self) -> None:
        """Look for a job now, not at the next turn."""
        self._wake.set()

    def alive(self) -> bool:
        """Tell whether jobs are still being taken and kept."""
        return all(thread.is_alive() for thread in self._loops)

    def stop(self) -> None:
        """Give back what is being worked on, as if it had never been begun."""
        self._stopping.set()
        self._wake.set()
        with self._lock:
            active = list(self._active.values())
        for work in active:
            self.store.release(work.job.id, self.name, attempt=work.job.attempts)
            work.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _guard(self, loop: Callable[[], None]) -> None:
        """Repeat a loop's step; a database that does not answer for a while ends nothing."""
        while not self._stopping.is_set():
            try:
                loop()
            except (StemwiseError, OSError) as error:
                self._log.error("The job store or its files do not answer: %s", error)
                self._stopping.wait(1.0)

    def _take_jobs(self) -> None:
        with self._lock:
            free = self._taken < self.slots
        job = self._claim() if free else None
        if job is None:
            self._wake.wait(_IDLE_S)
            self._wake.clear()
            return
        with self._lock:
            self._taken += 1
        self._pool.submit(self._work, job)

    def _claim(self) -> Job | None:
        limits = self.settings
        return self.store.claim(self.name, limits.lease_s, limits.max_attempts, limits.keep_s)

    def _pulse(self) -> None:
        """Renew all leases, write progress, and stop what is no longer ours."""
        with self._lock:
            active = list(self._active.values())
        for work in active:
            if not self._renew(work):
                work.stop()
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
        extra = {"job_id": job.id}
        self._log.info("Job %s begins (attempt %d).", job.id, job.attempts, extra=extra)
        scratch = Path(tempfile.mkdtemp(prefix="stemwise-job-"))
        outcome = "failed"
        try:
            outcome = self._attempt(job, scratch)
        except JobStoppedError:
            outcome = "stopped"
        except StemwiseError as error:
            self._log.warning("Job %s failed: %s", job.id, error, extra=extra)
            self._fail(job, "separation_failed", str(error))
        except Exception:  # noqa: BLE001 (logged) one job's fault must not end the worker that runs the others
            self._log.exception("Job %s met a fault of the service.", job.id, extra=extra)
            self._fail(
                job, "internal", "The service made a mistake with this job; its log has more."
            )
        finally:
            with self._lock:
                work = self._active.pop((job.id, job.attempts), None)
                self._taken -= 1
            shutil.rmtree(scratch, ignore_errors=True)
            self._ended(job, outcome, work)
            seconds = time.monotonic() - begun
            self._log.info("Job %s %s after %.1f s.", job.id, outcome, seconds, extra=extra)
            self._wake.set()

    def _attempt(self, job: Job, scratch: Path) -> str:
        recipe = self.recipes.get(job.recipe)
        if recipe is None:
            self._fail(
                job, "unknown_recipe", f"This server no longer has the recipe {job.recipe!r}."
            )
            return "failed"
        work = JobWork(job, recipe, self.files, self._calls(), scratch)
        with self._lock:
            self._active[job.id, job.attempts] = work
        made = work()
        if not self._renew(work):  # also notes the last chunks
            raise JobStoppedError
        if made.failures:
            detail = " ".join(f"{stem}: {error}" for stem, error in made.failures.items())
            self._fail(job, "stems_failed", detail, made.result)
            return "failed"
        keep, attempt = self.settings.keep_s, job.attempts
        if not self.store.finish(job.id, self.name, made.result, keep, attempt=attempt):
            return "stopped"
        self.files.remove(results.input_key(job.id))
        return "succeeded"

    def _fail(
        self, job: Job, reason: str, error: str, result: Mapping[str, object] | None = None
    ) -> None:
        keep, attempt = self.settings.keep_s, job.attempts
        try:
            self.store.fail(job.id, self.name, reason, error, keep, result or {}, attempt=attempt)
        except StemwiseError as away:  # its lease brings the job back
            self._log.error("Job %s: %s", job.id, away, extra={"job_id": job.id})
