"""Test-time augmentation as a setting of a model's entry: what is averaged, and over how many passes.

    {name: scnet_tta, base: scnet, augment: {shifts: [0.0, 0.11, 0.37], polarity: true, swap: true}}

The model hears each combination of the variants, each is undone on its estimates, and the estimates are
averaged: the input delayed by so many seconds (zeros before it), its polarity inverted, its channels
swapped. It is part of a model's identity; without it the identity is what it was. Light on purpose:
what runs it is `augmented.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean

KEY = "augment"
SAMPLE_RATE = 44_100  # as in core.types, which imports numpy
MOST_SHIFT_S, MOST_PASSES = 10.0, 64
_KEYS = ("shifts", "polarity", "swap")


@dataclass(frozen=True)
class Augment:
    """What is averaged.

    Attributes:
        shifts: delays in samples, ascending, each once.
        polarity: whether the inverted input is heard as well.
        swap: whether the input with its channels swapped is heard as well.
    """

    shifts: tuple[int, ...] = (0,)
    polarity: bool = False
    swap: bool = False

    @property
    def variants(self) -> int:
        """Passes of each chunk."""
        return (1 + self.polarity) * (1 + self.swap)

    @property
    def passes(self) -> int:
        """How often the model hears a track."""
        return len(self.shifts) * self.variants

    def content(self) -> dict[str, Any]:
        """Return what an identity is made of."""
        return {"shifts": list(self.shifts), "polarity": self.polarity, "swap": self.swap}

    def __str__(self) -> str:
        seconds = ", ".join(f"{shift / SAMPLE_RATE:.3g}" for shift in self.shifts)
        shown = [f"delayed by {seconds} s"] if self.shifts != (0,) else []
        shown += ["inverted polarity"] * self.polarity + ["swapped channels"] * self.swap
        return f"averaged over {self.passes} passes ({'; '.join(shown)})"


def check(value: object, where: str) -> Augment:
    """Return the augmentation that an entry asks for.

    Raises:
        ConfigError: an unknown key, delays that cannot be meant, too many passes, or nothing to average.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: {KEY} is a mapping of {', '.join(_KEYS)}, not {value!r}.")
    for key in value:
        if key not in _KEYS:
            near = did_you_mean(key, _KEYS)
            raise ConfigError(f"{where}: {KEY}.{key} is unknown: {near}use {', '.join(_KEYS)}.")
    found = Augment(
        _shifts(value.get("shifts", [0.0]), where),
        _flag(value, "polarity", where),
        _flag(value, "swap", where),
    )
    if found.passes == 1:
        raise ConfigError(
            f"{where}: {KEY} averages nothing, since it asks for one pass: give several shifts, or "
            "polarity or swap, or leave it out."
        )
    if found.passes > MOST_PASSES:
        raise ConfigError(
            f"{where}: {KEY} asks for {found.passes} passes of every song: give at most {MOST_PASSES}."
        )
    return found


def _shifts(value: object, where: str) -> tuple[int, ...]:
    """Return delays in samples, ascending (ConfigError where one cannot be meant)."""
    if not isinstance(value, list | tuple) or not value:
        raise ConfigError(
            f"{where}: {KEY}.shifts is a list of seconds, such as [0.0, 0.11, 0.37], not {value!r}."
        )
    for item in value:
        number = isinstance(item, int | float) and not isinstance(item, bool)
        if not number or not math.isfinite(item) or not 0 <= item <= MOST_SHIFT_S:
            raise ConfigError(
                f"{where}: {KEY}.shifts holds {item!r}: a shift is a delay of 0 to {MOST_SHIFT_S:g} "
                "seconds."
            )
    samples = [round(item * SAMPLE_RATE) for item in value]
    if len(set(samples)) < len(samples):
        raise ConfigError(f"{where}: {KEY}.shifts has one delay twice: {list(value)}.")
    return tuple(sorted(samples))


def _flag(value: Mapping[str, Any], key: str, where: str) -> bool:
    found = value.get(key, False)
    if not isinstance(found, bool):
        raise ConfigError(f"{where}: {KEY}.{key} is true or false, not {found!r}.")
    return found
