"""The HTTP ingress as a Serve deployment."""

import asyncio
import time
from pathlib import Path
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from stemwise.models.spec import ModelSpec
from stemwise.separation.recipe import Recipe
from stemwise.serving.graph.backend import open_files, open_store
from stemwise.serving.graph.logs import LOGGING, SHUTDOWN
from stemwise.serving.graph.metrics import RequestMetrics
from stemwise.serving.http.api import make_app
from stemwise.serving.http.guard import Guard
from stemwise.serving.http.keys import Keys
from stemwise.serving.http.service import Service
from stemwise.serving.settings import AppArgs

# A busy machine may take this long to answer a question that needs no work.
_PATIENCE_S = 5.0
_FRESH_S = 1.0


class Ingress:
    """Answers HTTP.

    Args:
        args: the application's arguments.
        recipes: by name, the default one first.
        specs: the models of all recipes, by name.
        ensemble: its handle.
        models: the model deployments' handles, by model.
    """

    def __init__(
        self,
        args: dict[str, Any],
        recipes: dict[str, Recipe],
        specs: dict[str, ModelSpec],
        ensemble: Any,
        models: dict[str, Any],
    ) -> None:
        self._args = AppArgs(**args)
        self._ensemble, self._models = ensemble, models
        self._metrics = RequestMetrics()
        self._known: tuple[float, dict[str, bool]] = (-_FRESH_S, {})
        self._asking = asyncio.Lock()
        keys_file = self._args.keys_file
        self.service = Service(
            open_store(self._args),
            open_files(self._args),
            Keys.load(Path(keys_file) if keys_file else None),
            recipes,
            specs,
            self._args.load().limits,
            self.health,
            self.wake,
            self._metrics.uploaded,
        )

    def __serve_build_asgi_app__(self) -> Guard:
        return Guard(make_app(self.service), self._args.allowed_hosts, self._metrics)

    def wake(self) -> None:
        """Tell the ensemble that there is a new job; were the word lost, it would look soon anyway."""
        self._ensemble.wake.remote()

    async def health(self) -> dict[str, bool]:
        """Ask all models and the ensemble, at most once a second."""
        async with self._asking:
            at, found = self._known
            if time.monotonic() - at > _FRESH_S:
                asked = {name: handle.facts.remote() for name, handle in self._models.items()}
                asked["ensemble"] = self._ensemble.ready.remote()
                answers = await asyncio.gather(*(_answered(call) for call in asked.values()))
                found = dict(zip(asked, answers, strict=True))
                self._known = (time.monotonic(), found)
            return found


async def _answered(call: Any) -> bool:
    """Tell whether a deployment answers in time, and not with False."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return bool(await call)
    except (TimeoutError, RayError, RayServeException):  # not ready; Serve's own log says why
        return False


def deployment(
    args: AppArgs,
    recipes: dict[str, Recipe],
    specs: dict[str, ModelSpec],
    ensemble: Any,
    models: dict[str, Any],
) -> Any:
    """Return the bound deployment."""
    settings = args.load().ingress
    made = serve.deployment(serve.ingress()(Ingress)).options(
        name="ingress",
        num_replicas=settings.replicas,
        ray_actor_options={"num_cpus": settings.num_cpus},
        max_ongoing_requests=1000,
        logging_config=LOGGING,
        **SHUTDOWN,
    )
    return made.bind(args.model_dump(), recipes, specs, ensemble, models)
