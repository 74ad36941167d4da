"""What the routes call; knows neither HTTP routing nor Ray."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

from stemwise.core.errors import ConflictError, NotFoundError, NotReadyError
from stemwise.core.stems import MIXTURE
from stemwise.models.spec import ModelSpec
from stemwise.separation.recipe import Recipe
from stemwise.serving.files.job_files import JobFiles
from stemwise.serving.http.exports import Exports, levels
from stemwise.serving.http.keys import Keys
from stemwise.serving.intake.intake import Accepted, Intake
from stemwise.serving.jobs import results
from stemwise.serving.jobs.records import Job, Status
from stemwise.serving.jobs.store import JobStore
from stemwise.serving.settings import Limits

_POLL_S = 0.25  # as often as workers tell of progress (job_runner.PULSE_S)
_KEEP_ALIVE_S = 15.0

Health = Callable[[], Awaitable[dict[str, bool]]]


class Service:
    """Jobs of one owner at a time.

    Args:
        recipes: by name, the default one first.
        specs: the models of all recipes.
        health: tells for each model, and for `ensemble`, whether it is ready.
        wake: makes the workers look for jobs now.
        accepted: see `Intake`.
    """

    def __init__(
        self,
        store: JobStore,
        files: JobFiles,
        keys: Keys,
        recipes: Mapping[str, Recipe],
        specs: Mapping[str, ModelSpec],
        limits: Limits,
        health: Health,
        wake: Callable[[], None] = lambda: None,
        accepted: Accepted = lambda *_: None,
    ) -> None:
        self.store, self.files, self.keys, self.limits = store, files, keys, limits
        self.recipes, self.specs, self.health, self.wake = recipes, specs, health, wake
        self.intake = Intake(store, files, recipes, limits, accepted)
        self.exports = Exports(limits.decodes)
        self._streams = 0

    async def get(self, job_id: str, owner: str) -> Job:
        """Return a job (NotFoundError where it is not there, or another owner's)."""
        return await asyncio.to_thread(self.store.get, job_id, owner)

    async def recent(self, owner: str, limit: int) -> list[Job]:
        """Return the newest jobs."""
        return await asyncio.to_thread(self.store.recent, owner, limit)

    async def cancel(self, job_id: str, owner: str) -> Job:
        """Stop a job, or give up the results of one that is finished."""
        job = await asyncio.to_thread(self.store.cancel, job_id, owner)
        if job.status is Status.EXPIRED:
            await asyncio.to_thread(self.files.delete, job_id)
        self.wake()
        return job

    async def wait(self, job: Job, seconds: float) -> Job:
        """Return the job once it is final, or as it is after `seconds`."""
        until = time.monotonic() + min(seconds, self.limits.max_wait_s)
        while not job.status.final and time.monotonic() < until:
            await asyncio.sleep(_POLL_S)
            job = await self.get(job.id, job.owner)
        return job

    def check_streams(self) -> None:
        """Raise NotReadyError where too many event streams are open."""
        if self._streams >= self.limits.max_events:
            raise NotReadyError("Too many event streams are open: try again later.", retry_after=10)

    async def changes(self, job: Job) -> AsyncIterator[Job | None]:
        """Yield a job at once and whenever it has changed, until it is final; None means no news."""
        self._streams += 1
        try:
            yield job
            spoken = time.monotonic()
            while not job.status.final:
                await asyncio.sleep(_POLL_S)
                before, job = job, await self.get(job.id, job.owner)
                if _visible(job) != _visible(before):
                    yield job
                    spoken = time.monotonic()
                elif time.monotonic() - spoken > _KEEP_ALIVE_S:
                    yield None
                    spoken = time.monotonic()
        finally:
            self._streams -= 1

    async def stem(self, job_id: str, stem: str, owner: str) -> tuple[Job, Path]:
        """Return a finished stem's file; `mixture` is the song itself.

        Raises:
            ConflictError: the job is not finished.
            NotFoundError: no such job or stem, or its files are gone.
        """
        job = await self._with_files(job_id, owner)
        return job, await self._encoded(job, stem)

    async def exported(self, job: Job, stem: str, path: Path, file_format: str) -> Path:
        """Return a new file of a stem in another format; whoever called removes it."""
        return await self.exports.make(
            [(path, 1.0)], file_format, None if stem == MIXTURE else _peak(job)
        )

    async def mix(
        self, job_id: str, text: str, file_format: str | None, owner: str
    ) -> tuple[Job, Path]:
        """Return a new file of a mix of stems (see `levels`); whoever called removes it.

        Raises:
            UnprocessableError: the mix cannot be read; else as `stem`.
        """
        job = await self._with_files(job_id, owner)
        wanted = levels(text, list(_made(job)))
        parts = [(await self._encoded(job, stem), gain) for stem, gain in wanted.items()]
        return job, await self.exports.make(parts, file_format or job.format)

    async def peaks(self, job_id: str, stem: str, owner: str) -> Path:
        """Return a finished stem's waveform (JSON); raises as `stem`."""
        job = await self._with_files(job_id, owner)
        return await self._file(job, stem, results.peaks_key(job.id, stem, job.tier))

    async def all_stems(self, job_id: str, owner: str) -> tuple[Job, dict[str, Path]]:
        """Return the files of all finished stems; raises as `stem`."""
        job = await self._with_files(job_id, owner)
        names = list(_made(job))
        if not names:
            raise NotFoundError(f"The separation {job_id!r} has no stems.")
        return job, {stem: await self._encoded(job, stem) for stem in names}

    async def _with_files(self, job_id: str, owner: str) -> Job:
        job = await self.get(job_id, owner)
        if not job.status.final and not job.has_stems:
            raise ConflictError(
                f"The separation is {job.status.value}: its stems are there once it has succeeded."
            )
        if job.status in {Status.CANCELLED, Status.EXPIRED}:
            raise NotFoundError(f"The separation is {job.status.value}: its files are deleted.")
        return job

    async def _encoded(self, job: Job, stem: str) -> Path:
        tier = None if stem == MIXTURE else job.tier
        return await self._file(job, stem, results.stem_key(job.id, stem, job.format, tier))

    async def _file(self, job: Job, stem: str, key: str) -> Path:
        if stem not in {*_made(job), *({MIXTURE} & job.result.keys())}:
            raise NotFoundError(f"The separation has no stem {stem[:80]!r}.")
        return await asyncio.to_thread(self.files.local, key)


def _made(job: Job) -> Iterator[str]:
    return (stem["stem"] for stem in job.result.get("results", ()))


def _peak(job: Job) -> float:
    """Return the largest sample of all stored stems."""
    return float(job.result["gain"] * max(stem["peak"] for stem in job.result["results"]))


def _visible(job: Job) -> tuple[object, ...]:
    return job.status, job.chunks_done, job.chunks_total, job.attempts, job.tier
