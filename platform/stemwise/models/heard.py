"""How much a model hears of a track: its redundancy, counted from its tiling."""

from __future__ import annotations

from collections.abc import Callable

from stemwise.core.errors import CheckpointError
from stemwise.models.augment import Augment
from stemwise.models.msst import reflected
from stemwise.models.overlap import overlap_of
from stemwise.models.registry import build, is_cached, prepare
from stemwise.models.shifted_tiling import shifted
from stemwise.models.spec import ModelSpec
from stemwise.models.tiling import Tiling

Heard = Callable[[int], int]


def heard_by(spec: ModelSpec) -> Heard | None:
    """Return the samples that the model hears as a function of those of the track.

    None where its tiling does not tell, or lies in a checkpoint that is not on this machine, or that is
    no longer the one it was.
    """
    augment = spec.augment or Augment()
    settings = spec.settings
    if {"chunk", "num_overlap"} <= settings.keys():
        size, count = int(settings["chunk"]), int(settings["num_overlap"])
        tiling = shifted(reflected(size, count, overlap_of(spec)), augment.shifts)
        return _counted(tiling, augment.variants)
    if not is_cached(spec):
        return None
    try:
        tiling = build(prepare(spec)).tiling
    except CheckpointError:
        return None
    return _counted(tiling, augment.variants)


def _counted(tiling: Tiling, variants: int) -> Heard | None:
    counted: Heard | None = getattr(tiling, "heard", None)
    if counted is None or variants == 1:
        return counted
    return lambda length: variants * counted(length)
