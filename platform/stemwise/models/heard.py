"""How much a model hears of a track: its redundancy, counted from its tiling."""

from __future__ import annotations

from collections.abc import Callable

from stemwise.core.errors import CheckpointError
from stemwise.models.msst import reflected
from stemwise.models.overlap import overlap_of
from stemwise.models.registry import build, is_cached, prepare
from stemwise.models.spec import ModelSpec

Heard = Callable[[int], int]


def heard_by(spec: ModelSpec) -> Heard | None:
    """Return the samples that the model hears as a function of those of the track.

    None where its tiling does not tell, or lies in a checkpoint that is not on this machine, or that is
    no longer the one it was.
    """
    settings = spec.settings
    if {"chunk", "num_overlap"} <= settings.keys():
        size, count = int(settings["chunk"]), int(settings["num_overlap"])
        return reflected(size, count, overlap_of(spec)).heard
    if not is_cached(spec):
        return None
    try:
        tiling = build(prepare(spec)).tiling
    except CheckpointError:
        return None
    counted: Heard | None = getattr(tiling, "heard", None)
    return counted
