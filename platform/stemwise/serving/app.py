"""The application builder: one graph, whoever starts it.

`stemwise serve`, `serve run deployments.separation:build`, `serve deploy` with a YAML and the
RayService of k8s/ all call `build`. No `from __future__ import annotations`: Serve reads the type.
"""

from typing import Any

from stemwise.serving.graph import ensemble, ingress
from stemwise.serving.graph import model_deployment as separator_deployment
from stemwise.serving.graph.backend import served_recipes
from stemwise.serving.settings import AppArgs


def build(args: AppArgs) -> Any:
    """Return the application: ingress → ensemble → one deployment per model.

    Raises:
        ConfigError: a recipe, model or setting that is not usable.
    """
    settings = args.load()
    recipes, specs = served_recipes(args.recipes, settings.overlap)
    models = {
        name: separator_deployment.deployment(spec, settings.for_model(name))
        for name, spec in specs.items()
    }
    workers = ensemble.deployment(args, recipes, models)
    return ingress.deployment(args, recipes, specs, workers, models)
