"""The service in one process, without Ray: models that are known, a worker, an application."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemwise.audio.raw import Signal
from stemwise.models.base import WeightlessModel
from stemwise.models.spec import ModelSpec
from stemwise.models.tiling import CenteredTiling
from stemwise.separation.recipe import Recipe
from stemwise.separation.separator import Separator
from stemwise.separation.spool import Spool
from stemwise.serving.files.job_files import JobFiles
from stemwise.serving.http.api import make_app
from stemwise.serving.http.guard import Guard
from stemwise.serving.http.keys import Keys
from stemwise.serving.http.service import Service
from stemwise.serving.jobs import results
from stemwise.serving.jobs.model_calls import JobStoppedError
from stemwise.serving.jobs.records import Job, NewJob
from stemwise.serving.jobs.runner import JobRunner
from stemwise.serving.jobs.store import JobStore, QueueLimits
from stemwise.serving.jobs.turns import Turns
from stemwise.serving.jobs.work import JobWork
from stemwise.serving.settings import AppArgs, JobSettings, Limits

WAIT_S = 20.0
CHUNK = 1000
NO_LIMITS = QueueLimits(max_unfinished=1000, max_unfinished_per_owner=None)


class GainModel(WeightlessModel):
    """Every stem is a factor times the input, in chunks of CHUNK samples without overlap."""

    def __init__(self, gains: Mapping[str, float]) -> None:
        self.stems = tuple(gains)
        self.tiling = CenteredTiling(CHUNK, 0.0)
        self._gains = torch.tensor(list(gains.values()))

    def forward(self, chunks: Tensor) -> Tensor:
        return chunks[:, None] * self._gains[:, None, None]


class World:
    """Models that all jobs share, and what a test does to them.

    `hold()` makes every chunk wait until `release()`, `held` those of some models; `faults[model]` is
    raised with its next chunk.
    """

    def __init__(self, models: Mapping[str, WeightlessModel]) -> None:
        self.separators = {name: Separator(model, "cpu") for name, model in models.items()}
        self.faults: dict[str, Exception] = {}
        self.heard: list[str] = []
        self.held: set[str] = set()
        self.begun = threading.Semaphore(0)
        self._open = threading.Event()
        self._open.set()

    def __call__(self) -> LocalModels:
        return LocalModels(self)

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self.held.clear()
        self._open.set()

    def pass_through(self, model: str, stopped: threading.Event) -> None:
        self.heard.append(model)
        self.begun.release()
        end = time.monotonic() + WAIT_S
        while model in self.held or not self._open.is_set():
            time.sleep(0.005)
            if stopped.is_set():
                break
            assert time.monotonic() < end, "held for too long"
        if stopped.is_set():
            raise JobStoppedError
        if model in self.faults:
            raise self.faults[model]


class LocalModels:
    """Implements `ModelCalls` with separators in this process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stopped = threading.Event()

    def stems(self, model: str) -> tuple[str, ...]:
        return self._world.separators[model].stems_for()

    def chunks(self, model: str, samples: int) -> int:
        return sum(1 for _ in self._world.separators[model].model.tiling.tiles(samples))

    def run(
        self,
        model: str,
        heard: Signal,
        folder: Path,
        due: tuple[float, str],
        done: Callable[[int], None],
    ) -> Spool:
        separator = self._world.separators[model]
        spool, fresh = Spool(folder, separator.stems_for()), 0

        def forward(chunks: Tensor) -> Tensor:
            nonlocal fresh
            self._world.pass_through(model, self._stopped)
            fresh += len(chunks)
            return separator.model.forward(chunks)

        for stretch in separator.stream(heard, forward=forward):
            spool.add(stretch.numpy())
            done(fresh)
            fresh = 0
        return spool

    def stop(self) -> None:
        self._stopped.set()


@dataclass
class Bench:
    """A job store, job files, and workers on them."""

    folder: Path
    recipes: Mapping[str, Recipe]
    world: World
    store: JobStore = field(init=False)
    files: JobFiles = field(init=False)
    ends: list[tuple[str, str]] = field(default_factory=list)
    works: list[JobWork | None] = field(default_factory=list)
    runners: list[JobRunner] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = JobStore(f"sqlite:///{self.folder / 'jobs.sqlite3'}")
        self.files = JobFiles(str(self.folder / "files"), self.folder / "cache")

    def submit(self, mixture: np.ndarray, id: str = "job", **changes: Any) -> Job:
        """Queue `(2, samples)`."""
        raw = self.folder / f"{id}.f32"
        np.ascontiguousarray(mixture.T, np.float32).tofile(raw)
        self.files.put(raw, results.input_key(id))
        fields: dict[str, Any] = {
            "owner": "",
            "recipe": next(iter(self.recipes)),
            "stems": (),
            "format": "wav",
            "title": "song.wav",
            "samples": mixture.shape[1],
            "digest": "d",
        }
        job, _ = self.store.submit(NewJob(id=id, **(fields | changes)), NO_LIMITS)
        for runner in self.runners:
            runner.wake()
        return job

    def runner(
        self, slots: int = 2, store: JobStore | None = None, turns: int = 0, **changes: float
    ) -> JobRunner:
        """Start a worker."""
        runner = self.made(slots, store, turns, **changes)
        runner.start()
        return runner

    def made(
        self, slots: int = 2, store: JobStore | None = None, turns: int = 0, **changes: float
    ) -> JobRunner:
        """Make a worker that is not started yet."""
        settings: dict[str, Any] = {
            "lease_s": 30,
            "max_attempts": 3,
            "keep_s": 3600,
            "forget_s": 3600,
        }
        runner = JobRunner(
            store or self.store,
            self.files,
            self.recipes,
            self.world,
            JobSettings(**(settings | changes)),
            slots,
            Turns(turns),
            logging.getLogger("stemwise.test"),
            self._ended,
        )
        self.runners.append(runner)
        return runner

    def _ended(self, job: Job, outcome: str, work: JobWork | None) -> None:
        self.works.append(work)
        self.ends.append((job.id, outcome))

    def final(self, id: str = "job") -> Job:
        """Return a job once it is final."""
        until(lambda: self.store.get(id).status.final)
        return self.store.get(id)

    def close(self) -> None:
        self.world.release()
        for runner in self.runners:
            runner.stop()
        for runner in self.runners:
            runner._pool.shutdown(wait=True)
            for thread in runner._loops:
                if thread.ident is not None:
                    thread.join(WAIT_S)
        self.store.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that is soon true."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@contextmanager
def bench(folder: Path, recipes: Mapping[str, Recipe], world: World) -> Iterator[Bench]:
    """Give a bench and end its threads."""
    made = Bench(folder, recipes, world)
    try:
        yield made
    finally:
        made.close()


class Counts:
    """What the guard told of requests, in place of metrics."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, int]] = []
        self.reasons: list[str] = []

    def request(self, method: str, route: str, status: int) -> None:
        self.requests.append((method, route, status))

    def rejected(self, reason: str) -> None:
        self.reasons.append(reason)


def limits(**changes: float) -> Limits:
    """Return the limits of the cpu profile with changes."""
    return AppArgs(settings={"limits": changes}).load().limits


def application(
    bench: Bench,
    specs: Mapping[str, ModelSpec],
    keys: Keys | None = None,
    limits: Limits | None = None,
    hosts: tuple[str, ...] = ("testserver", "127.0.0.1"),
    ready: Mapping[str, bool] | None = None,
) -> Guard:
    """Return what Serve would run, on a bench's store, files and workers."""
    facts = dict.fromkeys([*specs, "ensemble"], True) if ready is None else dict(ready)

    async def health() -> dict[str, bool]:
        return facts

    def wake() -> None:
        for runner in bench.runners:
            runner.wake()

    service = Service(
        bench.store,
        bench.files,
        keys or Keys(),
        bench.recipes,
        specs,
        limits or AppArgs().load().limits,
        health,
        wake,
    )
    return Guard(make_app(service), hosts, Counts())
