"""The ensemble as a Serve deployment: takes jobs and runs their recipes on the model deployments.

Jobs are pulled from the store, not pushed: a replica that is killed loses nothing but its leases.
"""

import logging
import threading
import time
from contextlib import suppress
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from stemwise.core.errors import NotReadyError, StemwiseError
from stemwise.core.memory import release
from stemwise.core.types import SAMPLE_RATE
from stemwise.separation.recipe import Recipe
from stemwise.serving import sizes
from stemwise.serving.graph.backend import open_files, open_store
from stemwise.serving.graph.logs import LOGGING, SHUTDOWN
from stemwise.serving.graph.metrics import JobMetrics
from stemwise.serving.graph.remote_models import RemoteModels
from stemwise.serving.jobs.records import Job
from stemwise.serving.jobs.runner import JobRunner
from stemwise.serving.jobs.turns import Turns
from stemwise.serving.jobs.work import JobWork
from stemwise.serving.settings import AppArgs

_PAUSE_S = 2.0
logger = logging.getLogger("ray.serve")


class Ensemble:
    """Works on jobs once all models are loaded.

    Args:
        args: the application's arguments.
        recipes: by name.
        models: the model deployments' handles, by model.
    """

    def __init__(
        self, args: dict[str, Any], recipes: dict[str, Recipe], models: dict[str, Any]
    ) -> None:
        self._args = AppArgs(**args)
        settings = self._args.load()
        cores = sizes.cores()
        threads = sizes.threads(cores, settings.separator.threads)
        turns = sizes.turns(cores, threads, settings.ensemble.turns)
        self._models, self._metrics = models, JobMetrics()
        self._stems: dict[str, tuple[str, ...]] = {}
        self._store = open_store(self._args)
        self._runner = JobRunner(
            self._store,
            open_files(self._args),
            recipes,
            lambda: RemoteModels(self._models, self._stems, self._metrics.retried),
            settings.jobs,
            sizes.jobs(turns, settings.ensemble.jobs_per_replica),
            Turns(turns),
            logger,
            self._ended,
        )
        self._begun = threading.Event()
        threading.Thread(target=self._begin, daemon=True).start()

    def _begin(self) -> None:
        """Wait for the models; jobs taken before would only wait for them."""
        for name, handle in self._models.items():
            self._stems[name] = self._ask(name, handle)
        self._runner.start()
        self._begun.set()

    def _ask(self, name: str, handle: Any) -> tuple[str, ...]:
        """Return a model's stems, however often its replica dies before it answers."""
        while True:
            try:
                return tuple(handle.facts.remote().result()["stems"])
            except (RayError, RayServeException) as error:
                logger.warning("The model %s does not answer yet: %s", name, error)
                time.sleep(_PAUSE_S)

    def wake(self) -> None:
        """Look for a job now."""
        self._runner.wake()

    def ready(self) -> bool:
        """Tell whether jobs are being taken."""
        return self._begun.is_set() and self._runner.alive()

    def check_health(self) -> None:
        """Raise where jobs are no longer taken, so that Serve starts another replica."""
        if self._begun.is_set() and not self._runner.alive():
            raise StemwiseError("The ensemble no longer takes jobs.")
        # a replica in this one's place would not find the database either; the runner says that
        with suppress(NotReadyError):
            counts = {status.value: n for status, n in self._store.counts().items()}
            self._metrics.queue(counts, self._store.oldest_queued_age())

    def _ended(self, job: Job, outcome: str, work: JobWork | None) -> None:
        stages = {} if work is None else dict(work.laps)
        if job.started_at is not None:
            stages["queue"] = job.started_at - job.created_at
        self._metrics.ended(job.recipe, outcome, stages, job.samples / SAMPLE_RATE)
        if self._runner.idle():
            release()

    def __del__(self) -> None:
        runner = getattr(self, "_runner", None)
        if runner is not None and runner.alive():
            runner.stop()


def deployment(args: AppArgs, recipes: dict[str, Recipe], models: dict[str, Any]) -> Any:
    """Return the bound deployment."""
    settings = args.load().ensemble
    made = serve.deployment(Ensemble).options(
        name="ensemble",
        num_replicas=settings.replicas,
        ray_actor_options={"num_cpus": settings.num_cpus},
        health_check_period_s=5,
        max_ongoing_requests=1000,
        logging_config=LOGGING,
        **SHUTDOWN,
    )
    return made.bind(args.model_dump(), recipes, models)
