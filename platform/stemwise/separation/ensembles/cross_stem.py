"""Weights over the estimates of all stems, what was heard, and Wiener estimates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.audio.raw import Signal
from stemwise.core.errors import ConfigError
from stemwise.core.signals import WIENER, models_of_signals, parts_of_signal, signal_name
from stemwise.core.stems import MIXTURE
from stemwise.core.types import Audio

_LARGEST = 100  # as of a linear blend
_BLOCK = 1 << 16  # whole hops of the Wiener estimates
Source = tuple[str, str]


def cross_stem(
    estimates: Mapping[str, Audio],
    models: Sequence[str],  # noqa: ARG001 - a kind's signature
    settings: Mapping[str, Any],
) -> Audio:
    """Return Σ weight·signal, `(2, n)`, of a stretch of all signals by name, `(2, n)` each.

    `weights` maps signals to weights: MODEL/STEM, `mixture` for what the models heard, and wiener/STEM.
    `wiener` maps each stem that shares what was heard to the models whose estimates make its mask.

    Raises:
        ConfigError: names or weights that cannot be used.
    """
    _check(settings)
    total: Audio = np.sum(
        [np.float32(weight) * estimates[name] for name, weight in settings["weights"].items()],
        axis=0,
        dtype=np.float32,
    )
    return total


def sources(settings: Mapping[str, Any]) -> tuple[Source, ...]:
    """Return (model, stem) of every estimate that the weights and the masks need.

    Raises:
        ConfigError: names that are no signals.
    """
    _check(settings)
    names = [parts_of_signal(str(name)) for name in settings["weights"]]
    own = [source for source in names if source[0] not in (MIXTURE, WIENER)]
    masks = [(model, stem) for stem, makers in _masks(settings).items() for model in makers]
    return tuple(dict.fromkeys([*own, *masks]))


def stretches(
    settings: Mapping[str, Any], signals: Mapping[Source, Signal], heard: Signal
) -> Iterator[dict[str, Audio]]:
    """Yield consecutive stretches of all signals that have a weight, by name, `(2, n)` each.

    Args:
        settings: of the ensemble.
        signals: the estimates that `sources` names, `(2, samples)`.
        heard: the mixture, or the parent in its place, of the same shape.
    """
    names, masks = list(settings["weights"]), _masks(settings)
    groups = {stem: [signals[model, stem] for model in own] for stem, own in masks.items()}
    shares = _wiener(heard, groups) if groups else None
    for start in range(0, heard.shape[1], _BLOCK):
        part = slice(start, start + _BLOCK)
        made = dict(zip(masks, next(shares), strict=True)) if shares else {}
        yield {name: _stretch(parts_of_signal(name), signals, heard, made, part) for name in names}


def _wiener(heard: Signal, groups: Mapping[str, Sequence[Signal]]) -> Iterator[Audio]:
    from stemwise.separation.ensembles.wiener import (
        wiener,  # torch: supervisors of songs do without
    )

    return wiener(heard, groups, _BLOCK)


def _stretch(
    source: Source,
    signals: Mapping[Source, Signal],
    heard: Signal,
    shares: Mapping[str, Audio],
    part: slice,
) -> Audio:
    if source[0] == WIENER:
        return shares[source[1]]
    signal = heard if source == (MIXTURE, MIXTURE) else signals[source]
    return np.asarray(signal[:, part], np.float32)


def _masks(settings: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """Return the makers of the masks; none where no Wiener estimate has a weight."""
    used = any(parts_of_signal(str(name))[0] == WIENER for name in settings["weights"])
    return settings["wiener"] or {} if used else {}


def _check(settings: Mapping[str, Any]) -> None:
    weights, makers = settings["weights"], settings["wiener"] or {}
    if not isinstance(weights, Mapping) or not weights:
        raise ConfigError("weights must map signals (MODEL/STEM, mixture, wiener/STEM) to numbers.")
    if not isinstance(makers, Mapping):
        raise ConfigError(f"wiener must map stems to lists of models, and is {makers!r}.")
    for name, weight in weights.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not abs(weight) <= _LARGEST:
            raise ConfigError(
                f"the weight {weight!r} of {name} is no number of at most ±{_LARGEST}."
            )
        try:
            model, stem = parts_of_signal(str(name))
        except ValueError as error:
            raise ConfigError(f"{error}.") from error
        if model == WIENER and stem not in makers:
            raise ConfigError(
                f"{signal_name(WIENER, stem)} has a weight, so wiener must map {stem}, and each stem "
                "that shares the mixture with it, to the models whose estimates make the mask."
            )
    if not models_of_signals(map(str, weights)) and not makers:
        raise ConfigError("weights must name an estimate of some model: MODEL/STEM.")
    for stem, own in makers.items():
        if isinstance(own, str) or not isinstance(own, Sequence) or not own:
            raise ConfigError(f"wiener must map {stem} to a list of models, not to {own!r}.")
