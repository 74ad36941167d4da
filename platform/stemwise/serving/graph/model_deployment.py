"""One model as a Serve deployment; chunks of all songs in flight run through it together.

No `from __future__ import annotations` here: Serve reads these annotations.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from ray import serve

from stemwise.audio.raw import Signal
from stemwise.core.memory import keep_memory, release
from stemwise.core.types import CHANNELS, Audio
from stemwise.models.registry import build, prepare
from stemwise.models.spec import ModelSpec
from stemwise.separation.device.decisions import Decisions
from stemwise.separation.device.halving import Halving
from stemwise.separation.separator import Separator
from stemwise.serving import sizes
from stemwise.serving.graph import metrics
from stemwise.serving.graph.batcher import Batcher
from stemwise.serving.graph.logs import LOGGING, SHUTDOWN
from stemwise.serving.jobs.hand_over import Place, Writer
from stemwise.serving.jobs.records import Due
from stemwise.serving.settings import SeparatorSettings

# Songs that a replica works on at a time; each has a thread for its overlap-add.
_SONGS = 64
# What a call yields: chunks finished since the last one, and a stretch `(stems, 2, n)`.
Stretch = tuple[int, Audio]
# What a call yields that writes files: see `separate_in`.
Step = int | tuple[int, dict[str, float]] | None
T = TypeVar("T")
# After so long without a song a replica gives its memory back; the next song follows sooner, or pays
# for getting it again.
_REST_S = 2.0


class ModelReplica:
    """Loads its model once, warms it up, and separates for many songs at a time.

    Args:
        spec: the model; its checkpoints are fetched where they are not on this node.
        settings: see conf/serve.
    """

    def __init__(self, spec: ModelSpec, settings: dict[str, Any]) -> None:
        self._settings = SeparatorSettings(**settings)
        torch.set_num_threads(sizes.threads(sizes.cores(), self._settings.threads))
        ready = prepare(spec)
        self.name = spec.name
        self._separator = Separator(
            build(ready),
            self._settings.device,
            residual=ready.spec.residual,
            precision=self._settings.precision,
            decisions=Decisions.of_machine(ready.identity),
        )
        self._metrics = metrics.ModelMetrics(self.name)
        self._songs, self._in_work = ThreadPoolExecutor(_SONGS, "song"), 0
        self._batcher = Batcher(
            Halving(self._separator.run),
            self._settings.max_batch,
            self._settings.batch_wait_ms / 1000,
            self._metrics.batch,
        )
        if self._settings.warm_up:
            self._warm_up()

    def _warm_up(self) -> None:
        """Run silence through the model, so that the first song does not wait for lazy loading."""
        self._separator(np.zeros((CHANNELS, 44_100), np.float32))

    def facts(self) -> dict[str, Any]:
        """Return name, stems and device; that it answers means that it is loaded."""
        stems, device = self._separator.stems_for(), str(self._separator.device)
        return {"model": self.name, "stems": stems, "device": device}

    def chunks(self, samples: int) -> int:
        """Return into how many chunks a signal is cut."""
        return sum(1 for _ in self._separator.model.tiling.tiles(samples))

    async def separate(self, heard: Any, due: Due) -> AsyncIterator[Stretch]:
        """Yield the estimates of a signal stretch by stretch.

        Args:
            heard: a list of one reference to a `(2, samples)` array, which is read without a copy.
            due: how urgent the song is.
        """
        mixture = await heard[0]
        async for chunks, part in self._stretches(mixture, due, lambda part: part.numpy()):
            yield chunks, part

    async def separate_in(self, place: Place, due: Due) -> AsyncIterator[Step]:
        """Write the estimates of a signal into the job's own files; yield how far it is.

        The first item is None where this replica does not see the job's folder (nothing follows),
        else 0; then chunks finished since the last item; at the end what `Writer.facts` says.
        """
        if not place.is_here():
            yield None
            return
        yield 0
        writer = Writer(place, self._separator.stems_for())
        async for chunks, _ in self._stretches(place.heard, due, lambda p: writer.add(p.numpy())):
            yield chunks
        yield writer.facts()

    async def _stretches(
        self, mixture: Signal, due: Due, use: Callable[[torch.Tensor], T]
    ) -> AsyncIterator[tuple[int, T]]:
        """Yield the chunks finished and `use(stretch)`, done in the song's thread, of each stretch."""
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        with self._working(), self._batcher.song(due) as song:
            stretches = self._separator.stream(mixture, forward=song.forward)

            def step() -> tuple[int, T] | None:
                part = next(stretches, None)
                return None if part is None else (song.take_count(), use(part))

            while (made := await loop.run_in_executor(self._songs, step)) is not None:
                yield made
        self._metrics.song(mixture.shape[1], time.monotonic() - begun)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Count the songs in progress; after the last one, give back the memory that they needed."""
        self._in_work += 1
        try:
            yield
        finally:
            self._in_work -= 1
            if not self._in_work:
                # behind the song's last step, which may still run where the song was stopped
                asyncio.get_running_loop().call_later(_REST_S, self._rest)

    def _rest(self) -> None:
        if not self._in_work:
            release()


def deployment(spec: ModelSpec, settings: SeparatorSettings) -> Any:
    """Return the bound deployment of one model, with the resources that it books."""
    options: dict[str, Any] = {
        "name": deployment_name(spec.name),
        "ray_actor_options": {
            "num_cpus": settings.num_cpus,
            "num_gpus": settings.num_gpus,
            "memory": settings.memory_mb * 1e6,
            "runtime_env": {"env_vars": keep_memory()},
        },
        "max_ongoing_requests": _SONGS,
        "health_check_period_s": 5,
        "logging_config": LOGGING,
        **SHUTDOWN,
    }
    if settings.max_replicas > settings.min_replicas:
        options["autoscaling_config"] = {
            "min_replicas": settings.min_replicas,
            "max_replicas": settings.max_replicas,
            "target_ongoing_requests": settings.target_ongoing,
            "upscale_delay_s": settings.upscale_delay_s,
            "downscale_delay_s": settings.downscale_delay_s,
        }
    else:
        options["num_replicas"] = settings.min_replicas
    made = serve.deployment(ModelReplica).options(**options)
    return made.bind(spec, settings.model_dump())


def deployment_name(model: str) -> str:
    """Return the deployment's name of a model, without characters that Serve forbids."""
    return "model-" + "".join(c if c.isalnum() or c in "_-." else "_" for c in model)
