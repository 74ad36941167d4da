"""What the next tier of a recipe promises to gain on a song, told without a reference.

Everything follows from inner products of the mixture, the estimate and the models' estimates. The
benchmark has them in its tables and the service in its spools, so the rule that is served is the one
that was replayed (decision/tiers.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise.audio.raw import Signal
from stemwise.core.checks import is_number
from stemwise.separation.products import products

Float = npt.NDArray[np.float64]
INTERCEPT = "intercept"
FEATURES = ("level", "lean", "spread")
_LEAST, _MOST = -60.0, 20.0  # dB; silence and nonsense lie beyond
_LARGEST = 1e6


@dataclass(frozen=True)
class Promise:
    """What a tier is expected to gain over the one before, in dB of the score that was replayed.

    `stems` maps a stem to its `intercept` and to a coefficient per feature of the estimate at hand;
    where the gain could not be predicted, the intercept alone is the mean gain.
    """

    stems: Mapping[str, Mapping[str, float]]

    def needs_features(self) -> bool:
        """Tell whether the estimates must be looked at."""
        return any(set(own) - {INTERCEPT} for own in self.stems.values())

    def of(self, found: Mapping[str, Mapping[str, float]]) -> float | None:
        """Return the mean gain in dB over the stems in `found`, which maps each to its features.

        Stems that nothing is promised for are left out. Where none is left, the gain is the mean of all
        intercepts, or None where these say nothing without features.
        """
        own = [stem for stem in found if stem in self.stems]
        if not own:
            if self.needs_features():
                return None
            return float(np.mean([told[INTERCEPT] for told in self.stems.values()]))
        return float(np.mean([_gain(self.stems[stem], found[stem]) for stem in own]))


def promise_of(value: object) -> Promise:
    """Read the key `gain` of a tier.

    Raises:
        ValueError: it is not a mapping of stems to an intercept and coefficients.
    """
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"gain {value!r} must map stems to {{{INTERCEPT}: dB}}")
    return Promise({str(stem): _coefficients(stem, own) for stem, own in value.items()})


def _coefficients(stem: object, own: object) -> dict[str, float]:
    known = (INTERCEPT, *FEATURES)
    if not isinstance(own, Mapping) or INTERCEPT not in own or not set(own) <= set(known):
        raise ValueError(f"the gain of {stem} must be a mapping of {', '.join(known)} to numbers")
    return {str(name): _number(stem, value) for name, value in own.items()}


def _number(stem: object, value: Any) -> float:
    if not is_number(value) or not abs(value) <= _LARGEST:
        raise ValueError(f"the gain of {stem} has {value!r}, which is no number")
    return float(value)


def _gain(told: Mapping[str, float], found: Mapping[str, float]) -> float:
    # a feature that is not there is one of several models where the stem now has only one
    parts = (weight * found.get(name, 0.0) for name, weight in told.items() if name != INTERCEPT)
    return told[INTERCEPT] + sum(parts)


def names_for(models: int) -> tuple[str, ...]:
    """Return the features of a stem that so many models make."""
    return FEATURES if models > 1 else FEATURES[:2]


def features(gram: Float) -> Float:
    """Return the features of an estimate, `(..., features)` in the order of `FEATURES`.

    * `level`: the estimate's level against the mixture's, dB;
    * `lean`: correlation of the estimate with what it leaves of the mixture, −1 to 1: it is near 0 where
      both hold sources of their own, and not where one leaks into the other;
    * `spread`: mean energy by which the models' estimates differ from the estimate, against its own, dB;
      only where there are several models.

    Args:
        gram: inner products `(..., signals, signals)` of the mixture, the estimate, and the estimates
            of its models.
    """
    mixture, own = gram[..., 0, 0], gram[..., 1, 1]
    both = gram[..., 0, 1]
    rest = np.maximum(mixture - 2 * both + own, 0.0)
    size = np.sqrt(own * rest)
    lean = np.divide(both - own, size, out=np.zeros_like(size), where=size > 0)
    found = [_db(own, mixture), np.clip(lean, -1.0, 1.0)]
    if gram.shape[-1] > 3:
        models = np.diagonal(gram, axis1=-2, axis2=-1)[..., 2:] - 2 * gram[..., 1, 2:]
        found.append(_db(np.maximum(models.mean(axis=-1) + own, 0.0), own))
    return np.stack(found, axis=-1)


def _db(part: Float, whole: Float) -> Float:
    """Return 10·log10(part/whole) within bounds; silence against silence is the lowest."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10 * np.log10(part / whole)
    finite = np.nan_to_num(ratio, nan=_LEAST, posinf=_MOST, neginf=_LEAST)
    return np.asarray(np.clip(finite, _LEAST, _MOST))


def features_of(mixture: Signal, estimate: Signal, models: Sequence[Signal]) -> dict[str, float]:
    """Return the features of one estimate by name, read block by block."""
    gram = products([mixture, estimate, *models])
    return dict(zip(names_for(len(models)), map(float, features(gram)), strict=True))
