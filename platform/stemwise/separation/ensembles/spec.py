"""What a recipe says of a stem: weights of models, or an ensemble of another kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stemwise.core.errors import ConfigError
from stemwise.separation.ensembles import cross_stem
from stemwise.separation.ensembles.kinds import get_kind

Weights = Mapping[str, float]
KIND, MODELS = "kind", "models"
_WEIGHTS = "weights"


@dataclass(frozen=True)
class Ensemble:
    """An ensemble of `models` of one `kind` (conf/ensemble); `settings` are all that the kind has."""

    kind: str
    models: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """Return it as a recipe writes it."""
        return {KIND: self.kind, MODELS: list(self.models), **self.settings}


# of a stem
Value = Weights | Ensemble


def models_of(value: Value) -> tuple[str, ...]:
    """Return the models that a stem is made of, in their order."""
    return value.models if isinstance(value, Ensemble) else tuple(value)


def sources_of(value: Value, stem: str) -> tuple[tuple[str, str], ...]:
    """Return (model, its stem) of every estimate that makes `stem`, in the order of its kind."""
    if isinstance(value, Ensemble) and get_kind(value.kind).stems:
        return cross_stem.sources(value.settings)
    return tuple((model, stem) for model in models_of(value))


def is_ensemble(value: object) -> bool:
    """Tell whether a value of a recipe names a kind; a model may be called so too, with its weight."""
    return isinstance(value, Mapping) and isinstance(value.get(KIND), str)


def read_value(value: Mapping[str, Any]) -> Value:
    """Return what a written value means: it is one that this version wrote itself."""
    return parse(value, "recipe") if is_ensemble(value) else value


def parse(value: Mapping[str, Any], origin: str) -> Ensemble:
    """Return the ensemble that a mapping `{kind: …, models: […], …}` describes, its settings complete.

    Where `models` is left out, they are those of `weights`; where these are of signals, in any case.

    Raises:
        ConfigError: an unknown kind or setting, too few models, or values that the kind cannot use;
            `origin` begins the sentence.
    """
    try:
        kind = get_kind(value[KIND])
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from error
    given = {str(key): own for key, own in value.items() if key not in (KIND, MODELS)}
    settings = kind.settings(given, origin)
    models = (
        _all_of(settings, origin)
        if kind.stems
        else _models(value.get(MODELS, _named(settings.get(_WEIGHTS))), kind.name, origin)
    )
    kind.check(models, settings, origin)
    return Ensemble(kind.name, models, settings)


def _all_of(settings: Mapping[str, Any], origin: str) -> tuple[str, ...]:
    """Return the models that weights of signals need: they say it, whatever `models` lists."""
    try:
        return tuple(dict.fromkeys(model for model, _ in cross_stem.sources(settings)))
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from error


def _named(weights: object) -> list[Any] | None:
    return list(weights) if isinstance(weights, Mapping) else None


def _models(value: object, kind: str, origin: str) -> tuple[str, ...]:
    listed = list(value) if isinstance(value, list | tuple) else []
    if not listed or not all(isinstance(name, str) and name for name in listed):
        raise ConfigError(f"{origin}: {kind} needs models: [a, b, …], and has {value!r}.")
    if twice := [name for name in listed if listed.count(name) > 1]:
        raise ConfigError(f"{origin}: {kind} names the model {twice[0]!r} twice: leave one out.")
    return tuple(listed)
