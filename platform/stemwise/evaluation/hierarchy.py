"""Level 2: which parents are separated further, and whose estimates of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from stemwise.core.errors import ConfigError, ModelError
from stemwise.core.stems import MIXTURE
from stemwise.core.types import ESTIMATE, RECIPE_PREFIX, REFERENCE, Audio
from stemwise.separation.ensembles.apply import combined
from stemwise.separation.ensembles.spec import Ensemble, Value, sources_of

if TYPE_CHECKING:
    from stemwise.evaluation.outputs import Output
    from stemwise.evaluation.zoo import LoadedModel


@dataclass(frozen=True)
class Provider:
    """Who estimates a parent: a model, or a recipe's blend of models; `weights` says how."""

    name: str
    weights: Value

    def blend(self, stem: str, outputs: Mapping[str, Output], heard: Audio) -> Audio:
        """Return Σ weight·estimate of `stem`, or the ensemble of another kind, `(2, samples)`.

        `heard` is what the models heard, of the same shape.

        Raises:
            ModelError: one of the models has no estimate of it on this track.
        """
        signals = [_read(outputs, *source) for source in sources_of(self.weights, stem)]
        if not signals:
            raise ModelError(f"The recipe {self.name!r} has no weights for {stem}.")
        if isinstance(self.weights, Ensemble):
            return np.concatenate(list(combined(self.weights, signals, heard)), axis=1)
        pieces = zip(self.weights.values(), signals, strict=True)
        first, *rest = (np.float32(weight) * signal for weight, signal in pieces)
        return sum(rest, start=first)

    @classmethod
    def of_recipe(cls, recipe: str, weights: Value) -> Provider:
        """Return a recipe's provider of a parent: a single model is called by its own name."""
        if isinstance(weights, Ensemble):
            return cls(f"{RECIPE_PREFIX}{recipe}", weights)
        if list(weights.values()) == [1.0]:
            return cls(next(iter(weights)), dict(weights))
        return cls(f"{RECIPE_PREFIX}{recipe}", dict(weights))


def _read(outputs: Mapping[str, Output], model: str, stem: str) -> Audio:
    output = outputs.get(model)
    if output is None or output.read is None or stem not in output.stems:
        raise ModelError(f"There is no estimate of {stem} by {model!r} on this track for level 2.")
    return output.read(stem)


@dataclass(frozen=True)
class HierarchySettings:
    """How level-2 models are evaluated (conf/evaluate.yaml).

    `providers` says for each parent whose estimate is used; where it is silent, it is the
    first model of the run that makes the parent. `sources` are `estimate` (what a user would get)
    and `reference` (the true parent, an upper bound).
    """

    providers: Mapping[str, Provider] = field(default_factory=dict)
    sources: tuple[str, ...] = (ESTIMATE, REFERENCE)

    def __post_init__(self) -> None:
        if not self.sources or set(self.sources) - {ESTIMATE, REFERENCE}:
            raise ConfigError(
                f"hierarchy.sources={list(self.sources)} is not usable: list {ESTIMATE}, "
                f"{REFERENCE} or both."
            )

    def provider(
        self, parent: str, models: Iterable[LoadedModel], partition: tuple[str, ...]
    ) -> Provider | None:
        """Return who estimates `parent`; None where no model of the run does."""
        if parent in self.providers:
            return self.providers[parent]
        for model in models:
            own = model.ready.spec.selectable and model.parent == MIXTURE
            if own and parent in model.stems(partition):
                return Provider(model.name, {model.name: 1.0})
        return None
