"""How much of a track a model hears twice: as its authors cut it, or as little as can be.

`reference` is the authors' tiling. `fast` overlaps chunks by a quarter and cuts no chunk that could be
left out. It is a setting of a model's spec (`tiling`), so that estimates of both differ in the
model's identity, and that of `reference` is what it was. (Demucs' own setting `overlap` is a number and
another thing: the share of a chunk that its reference tiling overlaps.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.models.spec import ModelSpec

Overlap = Literal["reference", "fast"]
REFERENCE: Literal["reference"] = "reference"
FAST: Literal["fast"] = "fast"
OVERLAPS: tuple[Overlap, ...] = get_args(Overlap)
# key of a user's entry and of a recipe
KEY = "overlap"
_SETTING = "tiling"
_SUFFIX = "-fast"


def check(word: object, where: str) -> Overlap:
    """Return one of the two words (ConfigError for anything else)."""
    for known in OVERLAPS:
        if word == known:
            return known
    near = did_you_mean(str(word), OVERLAPS)
    numeric = isinstance(word, int | float) and not isinstance(word, bool)
    hint = f" (a share of the chunk is settings: {{{KEY}: {word}}})" if numeric else ""
    raise ConfigError(f"{where}: {KEY} {word!r} is unknown: {near}use {REFERENCE} or {FAST}{hint}.")


def overlaps(spec: ModelSpec) -> bool:
    """Tell whether the model's reference tiling overlaps chunks, so that it could overlap them less."""
    return _above(spec.settings, "num_overlap", 1) or _above(spec.settings, "overlap", 0)


def is_fast(spec: ModelSpec) -> bool:
    """Tell whether the model is cut by the least redundant tiling."""
    return bool(spec.settings.get(_SETTING) == FAST)


def overlap_of(spec: ModelSpec) -> Overlap:
    """Return how the model is cut, `reference` where it has no overlap at all."""
    return FAST if is_fast(spec) else REFERENCE


def cut(spec: ModelSpec, overlap: Overlap) -> ModelSpec:
    """Return the model cut in one of the two ways; one without overlap stays as it is."""
    settings = {key: value for key, value in spec.settings.items() if key != _SETTING}
    if overlap == FAST and overlaps(spec):
        settings[_SETTING] = FAST
    return spec if settings == dict(spec.settings) else replace(spec, settings=settings)


def with_overlap(spec: ModelSpec, overlap: Overlap) -> ModelSpec:
    """Return the model as `cut` does, unless its own entry or settings say how it is cut."""
    told = _SETTING in spec.settings or (spec.entry is not None and KEY in spec.entry)
    return spec if told else cut(spec, overlap)


def twin(spec: ModelSpec) -> ModelSpec | None:
    """Return `NAME-fast`, the same model cut the fast way; None where that is no other model."""
    if with_overlap(spec, FAST) == spec:
        return None
    name = spec.name + _SUFFIX
    own = spec.entry or {"base": spec.name}
    return replace(cut(spec, FAST), name=name, entry={**own, "name": name, KEY: FAST})


def _above(settings: Mapping[str, Any], key: str, bound: float) -> bool:
    value = settings.get(key)
    return isinstance(value, int | float) and value > bound
