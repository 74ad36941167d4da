"""A stem's SNR predicted from its features: what a recipe's `quality:` key holds, and how it is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from stemwise.core.checks import is_number
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.separation.quality.features import AGREEMENT, LEAKAGE, LEVEL

Interval = tuple[float, float, float]
_KNOWN = (LEVEL, LEAKAGE, AGREEMENT)


@dataclass(frozen=True)
class Quality:
    """A linear prediction of a stem's SNR in dB.

    Attributes:
        features: names (`features.py`).
        coefficients: of each feature, dB per dB.
        intercept: in dB.
        sigma: root mean square error of predictions for artists that were left out, in dB.
        half_width: of the 90 % interval, in dB.
        ranges: of each feature, lowest and highest value for which anything is predicted.
        rank_correlation: Spearman's, between those predictions and the SNR.
        rank_correlation_of_level: the same with the stem's level as the only feature; None where that
            could not be fitted.
        tracks, artists: how many it was fitted to.
    """

    features: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    sigma: float
    half_width: float
    ranges: tuple[tuple[float, float], ...]
    rank_correlation: float
    rank_correlation_of_level: float | None
    tracks: int
    artists: int

    def content(self) -> dict[str, Any]:
        """Return what the recipe's YAML holds."""
        return {
            key: [list(v) if isinstance(v, tuple) else v for v in value]
            if isinstance(value, tuple)
            else value
            for key, value in asdict(self).items()
        }


def predict(quality: Quality, features: Mapping[str, float]) -> Interval | None:
    """Return the stem's SNR in dB with its 90 % interval (snr, low, high).

    None where a feature is not known, or the song is unlike all that the prediction was fitted to.

    Args:
        quality: of the stem.
        features: name → value in dB (`features`); NaN where silence leaves none.
    """
    snr = quality.intercept
    for name, slope, (low, high) in zip(
        quality.features, quality.coefficients, quality.ranges, strict=True
    ):
        value = float(features.get(name, math.nan))
        if not low <= value <= high:  # false for NaN
            return None
        snr += slope * value
    return snr, snr - quality.half_width, snr + quality.half_width


def parse(value: object, stems: Mapping[str, int], where: str) -> dict[str, Quality]:
    """Return the predictions that a recipe's key `quality` holds, by stem.

    Args:
        value: of the key.
        stems: how many models make each stem of the recipe.
        where: what errors name.

    Raises:
        ConfigError: it is not one, or names a stem that no model of the recipe makes.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: quality must map stems to what `stemwise fit` wrote.")
    found = {}
    for stem, own in value.items():
        if stem not in stems:
            raise ConfigError(
                f"{where}: quality of {stem!r}, which no model of the recipe makes: "
                f"{did_you_mean(str(stem), list(stems))}remove it, or run `stemwise fit` again."
            )
        try:
            found[str(stem)] = _parse(own, stems[str(stem)])
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{where}: quality of {stem!r} cannot be used ({error}): run `stemwise fit` again, or "
                "remove it."
            ) from error
    return found


def _parse(own: object, models: int) -> Quality:
    keys = [field.name for field in fields(Quality)]
    if not isinstance(own, Mapping) or set(own) != set(keys):
        raise ValueError(f"it needs the keys {', '.join(keys)}")
    names = tuple(own["features"])
    unknown = [name for name in names if name not in _KNOWN]
    if unknown or not names or len(set(names)) < len(names):
        raise ValueError(f"features must be some of {', '.join(_KNOWN)}, each once")
    if models < 2 and AGREEMENT in names:
        raise ValueError(f"one model has no {AGREEMENT}")
    slopes = tuple(_number(value, "coefficients") for value in own["coefficients"])
    ranges = tuple(_range(value) for value in own["ranges"])
    if not len(slopes) == len(ranges) == len(names):
        raise ValueError("coefficients and ranges need one item per feature")
    level = own["rank_correlation_of_level"]
    made = Quality(
        names,
        slopes,
        _number(own["intercept"], "intercept"),
        _number(own["sigma"], "sigma"),
        _number(own["half_width"], "half_width"),
        ranges,
        _number(own["rank_correlation"], "rank_correlation"),
        None if level is None else _number(level, "rank_correlation_of_level"),
        int(_number(own["tracks"], "tracks")),
        int(_number(own["artists"], "artists")),
    )
    if made.sigma < 0 or made.half_width < 0:
        raise ValueError("sigma and half_width cannot be negative")
    return made


def _number(value: object, name: str) -> float:
    if not is_number(value) or not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is no finite number")
    return float(value)


def _range(value: Any) -> tuple[float, float]:
    low, high = (_number(end, "ranges") for end in value)
    if low > high:
        raise ValueError(f"ranges: {low} lies above {high}")
    return low, high
