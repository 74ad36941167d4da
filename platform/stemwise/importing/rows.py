"""From published scores to rows of `tracks` and `scores`, and adding them to what is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stemwise.core import stems
from stemwise.datasets.base import slug, text_or_none
from stemwise.datasets.musdb18hq import artist_and_title
from stemwise.importing.published import COLUMNS, Published, TrackScores
from stemwise.selection.oracle import ORACLE

Row = dict[str, Any]
_UNDEFINED = "Every frame is undefined in the source: a reference or an estimate is silent."


def track_rows(found: Published, dataset: str) -> list[Row]:
    """Return one row of `tracks` per song; what published scores do not tell is null."""
    rows: dict[str, Row] = {}
    for track in found.tracks:
        artist, title = artist_and_title(text_or_none(track.title) or track.track_id)
        row = {
            "dataset": dataset,
            "track_id": track.track_id,
            "title": title,
            "artist": artist,
            "split": track.split,
            "stems": list(stems.in_order(track.stems)),
            "problems": [f"{track.model}: {track.error}"] if track.error else [],
        }
        earlier = rows.get(track.track_id)
        rows[track.track_id] = _united(earlier, row) if earlier else row
    return list(rows.values())


def score_rows(found: Published, dataset: str) -> list[Row]:
    """Return the rows of `scores`; a track that cannot be read fails for every stem of its model."""
    made: dict[str, set[str]] = {}
    for track in found.tracks:
        made.setdefault(track.model, set()).update(track.stems)
    every = set().union(*made.values())
    rows: list[Row] = []
    for track in found.tracks:
        head = _head(track, dataset, found.device)
        if track.error:
            failed = stems.in_order(made[track.model] or every)
            rows += [head | _failure(stem, track.error) for stem in failed]
            continue
        for stem in stems.in_order(track.stems):
            scores = {column: track.stems[stem].get(column) for column in COLUMNS.values()}
            error = _UNDEFINED if all(value is None for value in scores.values()) else None
            rows.append(head | scores | {"stem": stem, "status": "ok", "error": error})
        rows += [head | _failure(slug(name), why) for name, why in track.rejected.items()]
    return rows


def _head(track: TrackScores, dataset: str, device: str | None) -> Row:
    cost = track.seconds_per_minute
    return {
        "dataset": dataset,
        "track_id": track.track_id,
        "model": track.model,
        "parent": stems.MIXTURE,
        "parent_source": stems.MIXTURE,
        "realtime_factor": 60 / cost if cost else None,
        "device": device if cost else None,
    }


def _failure(stem: str, error: str) -> Row:
    return {"stem": stem, "status": "failed", "error": error}


def merge(
    tracks: Iterable[Mapping[str, Any]],
    scores: Iterable[Mapping[str, Any]],
    new_tracks: Iterable[Row],
    new_scores: Sequence[Row],
) -> tuple[list[Row], list[Row]]:
    """Return rows of both tables with the new ones added; the same model on the same track is replaced.

    Rows of `oracle` are left out, since the choice is made anew.
    """
    replaced = {_who(row) for row in new_scores}
    kept = [dict(row) for row in scores if _who(row) not in replaced and row["model"] != ORACLE]  # type: list[Row]
    songs = {_song(row): dict(row) for row in tracks}
    for song, model in {(_song(row), str(row["model"])) for row in new_scores}:
        if song in songs:  # what was wrong with the file that is replaced
            songs[song]["problems"] = [
                text for text in songs[song]["problems"] or () if not text.startswith(f"{model}: ")
            ]
    for row in new_tracks:
        earlier = songs.get(_song(row))
        songs[_song(row)] = _united(earlier, row) if earlier else row
    return list(songs.values()), [*kept, *new_scores]


def _who(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (*_song(row), str(row["model"]))


def _song(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["dataset"]), str(row["track_id"])


def _united(first: Row, second: Row) -> Row:
    """Return the row of a song that two sources tell of."""
    problems = [*(first["problems"] or ()), *second["problems"]]
    known = {split for split in (first["split"], second["split"]) if split is not None}
    # a song of both splits may have been trained on
    split = "train" if "train" in known else next(iter(known), None)
    return first | {
        "split": split,
        "stems": list(stems.in_order([*(first["stems"] or ()), *second["stems"]])),
        "problems": list(dict.fromkeys(problems)),
    }
