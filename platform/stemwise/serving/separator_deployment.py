"""One model as a Serve deployment; chunks of all songs in flight run through it together.

No `from __future__ import annotations` here: Serve reads these annotations.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from ray import serve
from torch import Tensor

from stemwise.models.registry import ModelSpec, build, prepare
from stemwise.separation.separator import Separator
from stemwise.serving import metrics
from stemwise.serving.model_calls import JobStoppedError
from stemwise.serving.settings import SeparatorSettings
from stemwise.types import CHANNELS, Audio

# What a call yields: chunks finished since the last one, and a stretch `(stems, 2, n)`.
Stretch = tuple[int, Audio]


def _count(chunks: list[Tensor]) -> int:
    """Return the chunks in all, of which a call hands over one or several."""
    return sum(len(chunk) for chunk in chunks)


class ModelReplica:
    """Loads its model once, warms it up, and separates for many songs at a time.

    Args:
        spec: the model; its checkpoints are fetched where they are not on this node.
        settings: see conf/serve.
    """

    def __init__(self, spec: ModelSpec, settings: dict[str, Any]) -> None:
        self._settings = SeparatorSettings(**settings)
        torch.set_num_threads(self._settings.threads or os.cpu_count() or 1)
        ready = prepare(spec)
        self.name = spec.name
        self._separator = Separator(
            build(ready), self._settings.device, residual=ready.spec.residual
        )
        # One pass at a time: what comes meanwhile is the next batch.
        self._compute = ThreadPoolExecutor(1, "forward")
        self._songs = ThreadPoolExecutor(64, "song")
        self._batched.set_max_batch_size(self._settings.max_batch)
        self._batched.set_batch_wait_timeout_s(self._settings.batch_wait_ms / 1000)
        self._metrics = metrics.ModelMetrics(self.name)
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

    async def separate(self, heard: Any) -> AsyncIterator[Stretch]:
        """Yield the estimates of a signal stretch by stretch.

        Args:
            heard: a list of one reference to a `(2, samples)` array, which is read without a copy.
        """
        mixture = await heard[0]
        song = _Song(self, asyncio.get_running_loop())
        stretches = self._separator.stream(mixture, forward=song.forward)
        loop = asyncio.get_running_loop()
        begun = time.monotonic()
        try:
            while True:
                part = await loop.run_in_executor(self._songs, next, stretches, None)
                if part is None:
                    break
                yield song.take_count(), part.numpy()
        finally:
            song.stopped.set()
        self._metrics.song(mixture.shape[1], time.monotonic() - begun)

    @serve.batch(  # type: ignore[untyped-decorator]
        max_batch_size=4, batch_wait_timeout_s=0.01, batch_size_fn=_count
    )
    async def _batched(self, chunks: list[Tensor]) -> list[Tensor]:
        """Run chunks of several songs; those of equal length go through the model together."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._compute, self._forward, chunks)

    def _forward(self, chunks: list[Tensor]) -> list[Tensor]:
        out: dict[int, Tensor] = {}
        for places in _equal_shapes(chunks):
            together = torch.cat([chunks[place] for place in places])
            begun = time.monotonic()
            # threads do not inherit the caller's inference mode
            with torch.inference_mode():
                made = self._separator.model.forward(together)
            self._metrics.batch(len(together), time.monotonic() - begun)
            sizes = [len(chunks[place]) for place in places]
            out |= dict(zip(places, torch.split(made, sizes), strict=True))
        return [out[place] for place in range(len(chunks))]


class _Song:
    """One call's way into the batches, from the thread that cuts and adds up its chunks."""

    def __init__(self, replica: ModelReplica, loop: asyncio.AbstractEventLoop) -> None:
        self._replica, self._loop = replica, loop
        self._count = 0
        self.stopped = threading.Event()

    def forward(self, chunks: Tensor) -> Tensor:
        """Run `(batch, channels, samples)` together with other songs' chunks."""
        if self.stopped.is_set():
            raise JobStoppedError
        waiting = asyncio.run_coroutine_threadsafe(self._replica._batched(chunks), self._loop)
        made: Tensor = waiting.result()
        self._count += len(chunks)
        return made

    def take_count(self) -> int:
        """Return the chunks finished since the last call."""
        count, self._count = self._count, 0
        return count


def _equal_shapes(chunks: list[Tensor]) -> list[list[int]]:
    """Group places by the shape of a chunk."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, chunk in enumerate(chunks):
        groups.setdefault(tuple(chunk.shape[1:]), []).append(place)
    return list(groups.values())


def deployment(spec: ModelSpec, settings: SeparatorSettings) -> Any:
    """Return the bound deployment of one model, with the resources that it books."""
    options: dict[str, Any] = {
        "name": deployment_name(spec.name),
        "ray_actor_options": {
            "num_cpus": settings.num_cpus,
            "num_gpus": settings.num_gpus,
            "memory": settings.memory_mb * 1e6,
        },
        "max_ongoing_requests": 64,
        "health_check_period_s": 5,
    }
    if settings.max_replicas > settings.min_replicas:
        options["autoscaling_config"] = {
            "min_replicas": settings.min_replicas,
            "max_replicas": settings.max_replicas,
            "target_ongoing_requests": settings.target_ongoing,
        }
    else:
        options["num_replicas"] = settings.min_replicas
    made = serve.deployment(ModelReplica).options(**options)
    return made.bind(spec, settings.model_dump())


def deployment_name(model: str) -> str:
    """Return the deployment's name of a model, without characters that Serve forbids."""
    return "model-" + "".join(c if c.isalnum() or c in "_-." else "_" for c in model)
