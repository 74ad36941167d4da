"""One job from its decoded mixture to stored stems, without Ray."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
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
from stemwise.separation.recipe import Recipe
from stemwise.separation.recipe_run import Stems
from stemwise.separation.spool import Spool, common_gain
from stemwise.separation.tier_run import TierRun
from stemwise.serving.files.job_files import JobFiles
from stemwise.serving.jobs import results
from stemwise.serving.jobs.model_calls import JobStoppedError, ModelCalls
from stemwise.serving.jobs.records import Job
from stemwise.serving.jobs.turns import Turns

_log = logging.getLogger("ray.serve")
Publish = Callable[[Mapping[str, Any]], bool]
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

    def instead_of(self, tier: str, error: object) -> Outcome:
        """Return this outcome, with a note that a better tier failed."""
        own = self.result["tier"]
        note = f"The tier {tier} failed, so these are the stems of {own}: {error}"
        return Outcome(self.result | {"note": note}, {})


class JobWork:
    """Works on one job: `work = JobWork(...)`, `work()`; `work.stop()` from another thread.

    `publish` shows a tier's stems while the next is made; False says that the job is no longer ours.
    """

    def __init__(
        self,
        job: Job,
        recipe: Recipe,
        files: JobFiles,
        calls: ModelCalls,
        scratch: Path,
        turns: Turns,
        publish: Publish = lambda _: True,
    ) -> None:
        self.job, self.files, self.calls, self.scratch = job, files, calls, scratch
        self._turns, self._publish = turns, publish
        self.recipe = (
            recipe if recipe.any_stem is None else recipe.explicit(calls.stems(recipe.any_stem))
        )
        self.progress = Progress()
        self.laps: dict[str, float] = {}
        self.stopped = self._shown = self._cut = False

    def stop(self) -> None:
        """Make `__call__` raise JobStoppedError within a chunk."""
        self.stopped = True
        self._turns.look()
        self.calls.stop()

    def late(self) -> bool:
        """Tell whether the job's deadline has passed."""
        deadline = self.job.deadline_at
        return deadline is not None and time.time() >= deadline

    def cut_short(self) -> None:
        """Let the tier that is shown be the answer; without one, the first is still waited for."""
        if self._shown and not self._cut:
            self._cut = True
            self._turns.look()
            self.calls.stop()

    def __call__(self) -> Outcome:
        """Separate, encode and store: of a recipe's tiers those that are worth it and in time.

        Raises:
            JobStoppedError: `stop` was called.
            StemwiseError: no stem at all could be made.
        """
        clock = _Clock(self.laps)
        mixture = RawAudio(self.files.local(results.input_key(self.job.id)), self.job.samples)
        self.progress.total = self._count(mixture.samples)
        with ThreadPoolExecutor(_THREADS, f"job-{self.job.id[:8]}") as threads:
            run = TierRun(
                self.recipe, self._run_model, mixture, self.scratch, self.job.stems, threads
            )
            return self._climb(run, mixture, clock)

    def _climb(self, run: TierRun, mixture: RawAudio, clock: _Clock) -> Outcome:
        """Return the best tier's outcome; one that fails leaves the one before."""
        number, best = self._earlier()
        if best is None:
            made, best = self._tier(run, 0, mixture, clock)
            number = 1
            if best.failures or not self._goes_on(run, number, made, best):
                return best
        while number < len(run.tiers) and not self.late():
            try:
                made, found = self._tier(run, number, mixture, clock, best.result["mixture"])
            except StemwiseError as error:
                return best.instead_of(run.tiers[number].name, error)
            except JobStoppedError:
                if self.stopped or not self._cut:
                    raise
                return best
            except Exception:  # noqa: BLE001 (logged) the tier that is there is an answer
                _log.exception("Job %s met an internal error in a better tier.", self.job.id)
                return best.instead_of(run.tiers[number].name, "see the server's log.")
            if found.failures:
                failure = next(iter(found.failures.values()))
                return best.instead_of(run.tiers[number].name, failure)
            best, number = found, number + 1
            if not self._goes_on(run, number, made, best):
                break
        return best

    def _earlier(self) -> tuple[int, Outcome | None]:
        """Return the number of the next tier, and what an attempt that was lost has shown."""
        names = [tier.name for tier in self.recipe.tiers]
        if self.job.tier not in names:
            return 0, None
        self._shown = True
        return names.index(self.job.tier) + 1, Outcome(dict(self.job.result), {})

    def _goes_on(self, run: TierRun, number: int, made: Stems, best: Outcome) -> bool:
        """Tell whether a tier is to be run after those whose best is at hand, and show that."""
        if number == len(run.tiers) or self.late() or not run.worth(number, made):
            return False
        if not self._publish(best.result):
            raise JobStoppedError
        self._shown = True
        return True

    def _tier(
        self,
        run: TierRun,
        number: int,
        mixture: RawAudio,
        clock: _Clock,
        song: Mapping[str, Any] | None = None,
    ) -> tuple[Stems, Outcome]:
        """Separate with one tier and store its stems; `song` is what is known of the stored song."""
        futures = run.make(number)
        made, failures = _gather(futures)
        clock.lap("separate")
        self._check()
        result = self._store(run, number, mixture, made, song)
        clock.lap("encode")
        seconds = clock.total()
        result["timing"] = {f"{name}_s": lap for name, lap in self.laps.items()} | {
            "total_s": seconds,
            "realtime_factor": round(self.job.samples / SAMPLE_RATE / seconds, 3),
        }
        return futures, Outcome(result, failures)

    def _count(self, samples: int) -> int:
        """Return the chunks of all models on both levels of all tiers; one that runs twice is reused."""
        heard: dict[tuple[str, str], None] = {}
        for number, tier in enumerate(self.recipe.tiers or (self.recipe,)):
            plan = tier.only(self.job.stems)
            groups = {"": plan.stems} | {f"{number}/{p}": g for p, g in plan.children.items()}
            for place, group in groups.items():
                heard |= {(m, place): None for value in group.values() for m in models_of(value)}
        return sum(self.calls.chunks(model, samples) for model, _ in heard)

    def _run_model(self, model: str, heard: Signal, folder: Path) -> Spool:
        with self._turn():
            return self.calls.run(model, heard, folder, self.job.due, self.progress.add)

    def _turn(self) -> AbstractContextManager[None]:
        return self._turns.taken(self.job.due, lambda: self.stopped or self._cut)

    def _store(
        self,
        run: TierRun,
        number: int,
        mixture: RawAudio,
        made: dict[str, Spool],
        song: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        recipe, tiered = run.tiers[number], bool(self.recipe.tiers)
        tier = recipe.name if tiered else None
        wanted = [stem for stem in in_order(made) if not self.job.stems or stem in self.job.stems]
        spools = {stem: made[stem] for stem in wanted}
        gain = common_gain(spools, self.job.format)
        known = results.quality(recipe)

        def store(stem: str) -> dict[str, Any]:
            parent, kind, models = results.origin(recipe, stem)
            with self._turn():
                facts = results.write_stem(
                    self.job.id,
                    stem,
                    spools[stem],
                    self.job.format,
                    gain,
                    self.files,
                    self.scratch,
                    tier,
                )
            about = {
                "parent": parent,
                "kind": kind,
                "models": models,
                "quality_db": known.get(stem),
            }
            return {"stem": stem} | facts | about

        def store_mixture() -> dict[str, Any]:
            if song is not None:  # of an earlier tier
                return dict(song)
            with self._turn():
                return results.write_mixture(
                    self.job.id, mixture, self.job.format, self.files, self.scratch
                )

        with ThreadPoolExecutor(_ENCODERS, f"encode-{self.job.id[:8]}") as threads:
            stored = threads.submit(store_mixture)
            stems = list(threads.map(store, spools))
        with self._turn():
            conserved = results.conservation(recipe, mixture, made)
            told = run.predicted(number, made)
        return {
            "results": stems,
            "mixture": stored.result(),
            "conservation": conserved,
            "quality": results.predictions(told),
            "gain": gain,
        } | ({"tier": tier} if tiered else {})

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
        """Add the seconds since the last lap."""
        at = self._now()
        self._laps[name] = round(self._laps.get(name, 0.0) + at - self._last, 3)
        self._last = at

    def total(self) -> float:
        """Return all seconds so far, at least a millisecond."""
        return max(1e-3, round(self._now() - self._begun, 3))
