"""`models-scores.json` of audio-separator: museval's medians of its models on songs of MUSDB18-HQ.

    {"<model file>": {"model_name": …, "track_scores": [{"track_name": "<Artist - Title>",
        "scores": {"vocals": {"SDR": …, "SIR": …, "SAR": …, "ISR": …}, …,
                   "seconds_per_minute_m3": …}}, …], "median_scores": {…}, "stems": [], …}, …}

Its songs are those of MUSDB's *training* split, and not the same ones for every model. Scores are
rounded to six digits. Frames are museval's default, which the file does not say.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.datasets.base import read_json
from stemwise.importing.museval_json import without_doubles
from stemwise.importing.published import (
    COLUMNS,
    Frames,
    Published,
    Scores,
    Source,
    TrackScores,
    check_model,
    decibels,
    named,
    stem_of,
)

SPLIT = "train"
# as the file calls the machine that its costs were measured on
DEVICE = "m3"
_COST = "seconds_per_minute_m3"
_EXPECTED = "audio-separator's models-scores.json"


def read_file(
    path: Path,
    wanted: Sequence[str] | None = None,
    given: Mapping[str, str] | None = None,
) -> Published:
    """Read the file.

    Args:
        path: the file, or the folder that holds it.
        wanted: models to read by their file names (None: all that have scores).
        given: translations of stem names.

    Raises:
        ConfigError: a model that the file does not have.
        DatasetError: it is not that file, or no track of it can be read.
    """
    path = path / "models-scores.json" if path.is_dir() else path
    content = read_json(path)
    if isinstance(content, str):
        raise DatasetError(f"{path.parent / content[:-1]}: set input= to {_EXPECTED}.")
    entries = {str(name): entry for name, entry in content.items()}
    if not entries or not all(_is_model(entry) for entry in entries.values()):
        raise DatasetError(
            f"{path} is not {_EXPECTED}, whose models have track_scores: set input=."
        )
    unknown = [name for name in wanted or () if name not in entries]
    if unknown:
        raise ConfigError(
            f"models={unknown[0]} is not in {path}: it has {', '.join(entries)[:500]}."
        )
    tracks: list[TrackScores] = []
    sources: list[Source] = []
    empty: list[str] = []
    for name in wanted or entries:
        check_model(name, str(path))
        found = without_doubles(_tracks(name, entries[name]["track_scores"], given or {}))
        # songs that were only timed have no scores
        scored = [track for track in found if track.stems or track.rejected or track.error]
        if not scored:
            empty.append(name)
            continue
        tracks += scored
        sources.append(Source(name, str(path), 1, _digest(entries[name])))
    if not any(track.error is None for track in tracks):
        raise DatasetError(f"{path} holds no track that can be read: set input= to {_EXPECTED}.")
    notes = (
        [f"Without a score of any track: {named(empty)} ({len(empty)} models)."] if empty else []
    )
    return Published(tracks, sources, Frames(1.0, 1.0), DEVICE, notes)


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _is_model(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("track_scores"), list)


def _digest(entry: Any) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def _tracks(model: str, found: Sequence[Any], given: Mapping[str, str]) -> list[TrackScores]:
    tracks = []
    for number, entry in enumerate(found):
        if entry is None:  # how older versions of the file say that a song failed
            continue
        title = entry.get("track_name") if isinstance(entry, dict) else None
        if not isinstance(title, str) or not isinstance(entry.get("scores"), dict):
            label, title = f"{model}, track {number}", f"track {number}"
            error = f"{label}: it has no track_name with scores."
            tracks.append(TrackScores(model, title, label, SPLIT, error=error))
            continue
        tracks.append(_track(model, title, entry["scores"], given))
    return tracks


def _track(
    model: str, title: str, scores: Mapping[str, Any], given: Mapping[str, str]
) -> TrackScores:
    label = f"{model}, {title}"
    scored: dict[str, Scores] = {}
    rejected: dict[str, str] = {}
    try:
        for name, values in scores.items():
            if name == _COST:
                continue
            if not isinstance(values, dict):
                raise DatasetError(f"{name!r} holds no SDR, ISR, SIR and SAR")
            numbers = {
                column: _defined(decibels(values.get(metric), f"{metric} of {name!r}"))
                for metric, column in COLUMNS.items()
            }
            try:
                stem = stem_of(name, given)
            except DatasetError as error:
                rejected[name] = f"{label}: {error}."
                continue
            if stem in scored:
                raise DatasetError(f"the stem {stem!r} appears twice")
            scored[stem] = numbers
        cost = decibels(scores.get(_COST), _COST)
    except DatasetError as error:
        return TrackScores(model, title, label, SPLIT, error=f"{label}: {error}.")
    return TrackScores(
        model,
        title,
        label,
        SPLIT,
        stems=scored,
        rejected=rejected,
        seconds_per_minute=cost if 0 < cost < float("inf") else None,
    )
