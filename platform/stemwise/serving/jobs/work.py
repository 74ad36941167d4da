"""One job from its decoded mixture to stored stems, without Ray."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from stemwise.audio.raw import RawAudio, Signal
from stemwise.core.errors import StemwiseError
from stemwise.core.stems import in_order
from stemwise.core.types import SAMPLE_RATE
from stemwise.separation.ensembles.spec import models_of
from stemwise.separation.quality.songs import Origin, predicted
from stemwise.separation.recipe import Recipe
from stemwise.separation.recipe_run import run_recipe
from stemwise.separation.spool import Spool, common_gain
from stemwise.serving.files.job_files import JobFiles
from stemwise.serving.jobs import results
from stemwise.serving.jobs.model_calls import JobStoppedError, ModelCalls
from stemwise.serving.jobs.records import Job
from stemwise.serving.jobs.turns import Turns

# Threads of one job: they wait for models, or blend; more than any recipe has models at a time.
_THREADS = 12
# Stems that are encoded side by side; each is in memory block by block.
_ENCODERS = 4


@dataclass
class Progress:
    """Chunks of a job, counted from several threads."""

    done: int = 0
    total: int | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, chunks: int) -> None:
        """Count finished chunks; a negative number takes back those of a call that failed."""
        with self._lock:
            self.done += chunks


@dataclass(frozen=True)
class Outcome:
    """What a job came to: the result for the job store, and the stems that could not be made."""

    result: dict[str, Any]
    failures: dict[str, StemwiseError]


class JobWork:
    """Works on one job: `work = JobWork(...)`, `work()`; `work.stop()` from another thread."""

    def __init__(
        self,
        job: Job,
        recipe: Recipe,
        files: JobFiles,
        calls: ModelCalls,
        scratch: Path,
        turns: Turns,
    ) -> None:
        self.job, self.files, self.calls, self.scratch = job, files, calls, scratch
        self._turns = turns
        self.recipe = (
            recipe if recipe.any_stem is None else recipe.explicit(calls.stems(recipe.any_stem))
        )
        self.progress = Progress()
        self.laps: dict[str, float] = {}
        self._origins: dict[str, Origin] = {}
        self.stopped = False

    def stop(self) -> None:
        """Make `__call__` raise JobStoppedError within a chunk."""
        self.stopped = True
        self._turns.look()
        self.calls.stop()

    def __call__(self) -> Outcome:
        """Separate, encode and store.

        Raises:
            JobStoppedError: `stop` was called.
            StemwiseError: no stem at all could be made.
        """
        clock = _Clock(self.laps)
        mixture = RawAudio(self.files.local(results.input_key(self.job.id)), self.job.samples)
        self.progress.total = self._count(mixture.samples)
        made, failures = self._separate(mixture)
        clock.lap("separate")
        self._check()
        result = self._store(mixture, made)
        clock.lap("encode")
        seconds = clock.total()
        result["timing"] = {f"{name}_s": lap for name, lap in self.laps.items()} | {
            "total_s": seconds,
            "realtime_factor": round(self.job.samples / SAMPLE_RATE / seconds, 3),
        }
        return Outcome(result, failures)

    def _count(self, samples: int) -> int:
        """Return the chunks of all models on both levels."""
        plan = self.recipe.only(self.job.stems)
        groups = [plan.stems, *plan.children.values()]
        heard = [{m for value in group.values() for m in models_of(value)} for group in groups]
        return sum(self.calls.chunks(model, samples) for group in heard for model in group)

    def _separate(self, mixture: Signal) -> tuple[dict[str, Spool], dict[str, StemwiseError]]:
        def run_model(model: str, heard: Signal, folder: Path) -> Spool:
            with self._turn():
                return self.calls.run(model, heard, folder, self.job.due, self.progress.add)

        with ThreadPoolExecutor(_THREADS, f"job-{self.job.id[:8]}") as threads:
            futures = run_recipe(
                self.recipe,
                run_model,
                mixture,
                self.scratch,
                self.job.stems,
                threads,
                self._origins,
            )
            return _gather(futures)

    def _turn(self) -> AbstractContextManager[None]:
        return self._turns.taken(self.job.due, lambda: self.stopped)

    def _store(self, mixture: RawAudio, made: dict[str, Spool]) -> dict[str, Any]:
        wanted = [stem for stem in in_order(made) if not self.job.stems or stem in self.job.stems]
        spools = {stem: made[stem] for stem in wanted}
        gain = common_gain(spools, self.job.format)
        known = results.quality(self.recipe)

        def store(stem: str) -> dict[str, Any]:
            parent, kind, models = results.origin(self.recipe, stem)
            with self._turn():
                facts = results.write_stem(
                    self.job.id, stem, spools[stem], self.job.format, gain, self.files, self.scratch
                )
            about = {
                "parent": parent,
                "kind": kind,
                "models": models,
                "quality_db": known.get(stem),
            }
            return {"stem": stem} | facts | about

        def store_mixture() -> dict[str, Any]:
            with self._turn():
                return results.write_mixture(
                    self.job.id, mixture, self.job.format, self.files, self.scratch
                )

        with ThreadPoolExecutor(_ENCODERS, f"encode-{self.job.id[:8]}") as threads:
            song = threads.submit(store_mixture)
            stems = list(threads.map(store, spools))
        with self._turn():
            conserved = results.conservation(self.recipe, mixture, made)
            told = predicted(self.recipe.quality, self._origins, made)
        return {
            "results": stems,
            "mixture": song.result(),
            "conservation": conserved,
            "quality": results.predictions(told),
            "gain": gain,
        }

    def _check(self) -> None:
        if self.stopped:
            raise JobStoppedError


def _gather(
    futures: dict[str, Future[Spool]],
) -> tuple[dict[str, Spool], dict[str, StemwiseError]]:
    """Wait for all stems: one that failed does not take the others with it."""
    made: dict[str, Spool] = {}
    failures: dict[str, StemwiseError] = {}
    for stem, future in futures.items():
        try:
            made[stem] = future.result()
        except StemwiseError as error:
            failures[stem] = error
    if not made:
        raise next(iter(failures.values()))
    return made, failures


class _Clock:
    """Seconds since it was made, and since the last lap."""

    def __init__(self, laps: dict[str, float], now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._begun = now, now()
        self._last, self._laps = self._begun, laps

    def lap(self, name: str) -> None:
        """Note the seconds since the last lap."""
        at = self._now()
        self._laps[name], self._last = round(at - self._last, 3), at

    def total(self) -> float:
        """Return all seconds so far, at least a millisecond."""
        return max(1e-3, round(self._now() - self._begun, 3))
