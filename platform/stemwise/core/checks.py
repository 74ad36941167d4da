"""What types cannot say of a setting: its range, and which names it may have."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TypeGuard

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value of a YAML or JSON file is a number; infinite and NaN are, `true` is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def in_range(
    key: str,
    value: float | None,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> None:
    """Refuse a number outside `least` ≤ value, `above` < value < `below`; None means that none is given.

    Raises:
        ConfigError: it is outside.
    """
    if value is None or (value >= least and above < value < below):
        return
    bounds = {"of at least": least, "above": above, "below": below}
    told = [f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound)]
    raise ConfigError(f"{key}={value} is not usable: give a number {' and '.join(told)}.")


def one_of(key: str, value: str, known: Collection[str]) -> None:
    """Refuse a name that is not known.

    Raises:
        ConfigError: it is not.
    """
    if value not in known:
        near = did_you_mean(value, known)
        raise ConfigError(f"{key}={value} is unknown: {near}use one of {', '.join(known)}.")
