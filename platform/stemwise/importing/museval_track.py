"""One track file of museval: frames of each target, and their medians."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from stemwise.core.errors import DatasetError
from stemwise.datasets.base import read_json
from stemwise.importing.published import COLUMNS, Frames, Scores, TrackScores, decibels, stem_of

Entry = Mapping[str, Any]


def read_track(
    path: Path, label: str, model: str, split: str | None, given: Mapping[str, str]
) -> TrackScores:
    """Read `<Artist - Title>.json`; a file that cannot be used is an entry with an `error`.

    Args:
        path: the file.
        label: how messages name it.
        model: whose scores it holds.
        split: of the track.
        given: the user's translations of stem names.
    """
    track = TrackScores(model, path.stem.strip(), label, split)
    content = read_json(path)
    try:
        if isinstance(content, str):
            raise DatasetError(content.removeprefix(path.name).strip(" ."))
        targets = _list_of_objects(content, "targets", "is not a file of museval, which")
        if not targets:
            raise DatasetError("has no target, so museval scored nothing: evaluate the track again")
        frames = [_frames_of(target) for target in targets]
        names = [str(target["name"]) for target in targets]
        timing = _timing([frame for group in frames for frame in group], frames)
        scored, rejected = _by_stem(names, frames, given)
    except DatasetError as error:
        return replace(track, error=f"{label} {error}.")
    rejected = {name: f"{label}: {reason}." for name, reason in rejected.items()}
    return replace(track, stems=scored, rejected=rejected, frames=timing)


def _list_of_objects(content: Entry, key: str, what: str) -> list[Entry]:
    found = content.get(key)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise DatasetError(f"{what} holds a list {key!r} of objects: give its true file")
    return found


def _frames_of(target: Entry) -> list[Entry]:
    if not isinstance(target.get("name"), str):
        raise DatasetError("has a target without a name: evaluate the track again")
    return _list_of_objects(target, "frames", f"is not of museval, whose target {target['name']!r}")


def _by_stem(
    names: Sequence[str], frames: Sequence[Sequence[Entry]], given: Mapping[str, str]
) -> tuple[dict[str, Scores], dict[str, str]]:
    scored: dict[str, Scores] = {}
    rejected: dict[str, str] = {}
    for name, group in zip(names, frames, strict=True):
        scores = medians(name, group)
        try:
            stem = stem_of(name, given)
        except DatasetError as error:
            rejected[name] = str(error)
            continue
        if stem in scored:
            raise DatasetError(f"has the stem {stem!r} twice: keep one of its targets")
        scored[stem] = scores
    return scored, rejected


def medians(name: str, frames: Sequence[Entry]) -> dict[str, float | None]:
    """Return column → median over frames without the undefined ones, as museval's aggregate takes it.

    Raises:
        DatasetError: a frame has no such metric, or something else than a number.
    """
    found: dict[str, float | None] = {}
    for metric, column in COLUMNS.items():
        values = []
        for number, frame in enumerate(frames):
            metrics = frame.get("metrics")
            where = f"{metric} of frame {number} of {name!r}"
            if not isinstance(metrics, dict) or metric not in metrics:
                raise DatasetError(f"lacks {where}: evaluate the track again")
            try:
                values.append(decibels(metrics[metric], where))
            except DatasetError as error:
                raise DatasetError(f"is not of museval: {error}") from error
        found[column] = median(values)
    return found


def median(values: Sequence[float]) -> float | None:
    """Return the median of the defined values; None where there is none, or it is inf − inf."""
    defined = [value for value in values if not math.isnan(value)]
    if not defined:
        return None
    middle = float(statistics.median(defined))
    return None if math.isnan(middle) else middle


def _timing(every: Sequence[Entry], groups: Sequence[Sequence[Entry]]) -> Frames | None:
    """Return length and distance of the frames; None where the track is shorter than one."""
    windows = {_seconds(frame, "duration") for frame in every}
    starts = [[_seconds(frame, "time") for frame in group] for group in groups]
    # times are multiples of the hop: rounded, since they were written as decimal numbers
    hops = {round(b - a, 6) for times in starts for a, b in pairwise(times)}
    if len(windows) > 1 or len(hops) > 1:
        odd = sorted(windows if len(windows) > 1 else hops)
        raise DatasetError(
            f"has frames of different lengths or distances ({odd[0]:g} and {odd[-1]:g} s): "
            "evaluate the track again"
        )
    if any(length <= 0 for length in (*windows, *hops)):
        raise DatasetError("has frames without length or out of order: evaluate the track again")
    return Frames(windows.pop(), next(iter(hops), None)) if windows else None


def _seconds(frame: Entry, key: str) -> float:
    value = decibels(frame.get(key), f"{key!r} of a frame")
    if not math.isfinite(value):
        raise DatasetError(f"is not of museval, whose frames have a {key!r} in seconds")
    return value
