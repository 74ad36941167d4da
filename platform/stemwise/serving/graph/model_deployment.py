"""One model as a Serve deployment; chunks of all songs in flight run through it together.

No `from __future__ import annotations` here: Serve reads these annotations.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from ray import serve

from stemwise.core.memory import keep_memory
from stemwise.core.types import CHANNELS, Audio
from stemwise.models.registry import build, prepare
from stemwise.models.spec import ModelSpec
from stemwise.separation.decisions import Decisions
from stemwise.separation.halving import Halving
from stemwise.separation.separator import Separator
from stemwise.serving.graph import metrics
from stemwise.serving.graph.batcher import Batcher
from stemwise.serving.graph.logs import LOGGING, SHUTDOWN
from stemwise.serving.settings import SeparatorSettings

# Songs that a replica works on at a time; each has a thread for its overlap-add.
_SONGS = 64
# What a call yields: chunks finished since the last one, and a stretch `(stems, 2, n)`.
Stretch = tuple[int, Audio]


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
            build(ready),
            self._settings.device,
            residual=ready.spec.residual,
            precision=self._settings.precision,
            decisions=Decisions.of_machine(ready.identity),
        )
        self._metrics = metrics.ModelMetrics(self.name)
        self._songs = ThreadPoolExecutor(_SONGS, "song")
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

    async def separate(self, heard: Any) -> AsyncIterator[Stretch]:
        """Yield the estimates of a signal stretch by stretch.

        Args:
            heard: a list of one reference to a `(2, samples)` array, which is read without a copy.
        """
        mixture = await heard[0]
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        with self._batcher.song() as song:
            stretches = self._separator.stream(mixture, forward=song.forward)
            while (
                part := await loop.run_in_executor(self._songs, next, stretches, None)
            ) is not None:
                yield song.take_count(), part.numpy()
        self._metrics.song(mixture.shape[1], time.monotonic() - begun)


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
