"""From published scores to the tables `tracks` and `scores`, and adding them to what is there.

Songs are few, so they are rows; scores may be a million, so they are columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from stemwise.core import stems
from stemwise.datasets.base import slug, text_or_none
from stemwise.datasets.musdb18hq import artist_and_title
from stemwise.importing.published import Published, TrackScores
from stemwise.selection.oracle import ORACLE
from stemwise.storage import tables

Row = dict[str, Any]
_SONG = ("dataset", "track_id")
# columns that differ between the rows of an import
_WRITTEN = dict.fromkeys(
    ("dataset", "track_id", "model", "stem", "status", "error"), pl.String
) | dict.fromkeys(("realtime_factor", *tables.METRICS), pl.Float64)


def track_rows(found: Published, dataset: str) -> list[Row]:
    """Return one row of `tracks` per song; what published scores do not tell is null."""
    rows: dict[tuple[str, str], Row] = {}
    for track in found.tracks:
        artist, title = artist_and_title(text_or_none(track.title) or track.track_id)
        row = {
            "dataset": track.dataset or dataset,
            "track_id": track.track_id,
            "title": title,
            "artist": track.artist or artist,
            "genre": track.genre,
            "split": track.split,
            "stems": list(stems.in_order(track.stems)),
            "problems": [f"{track.model}: {track.error}"] if track.error else [],
        }
        earlier = rows.get(_song(row))
        rows[_song(row)] = _united(earlier, row) if earlier else row
    return list(rows.values())


def score_frame(found: Published, dataset: str) -> pl.DataFrame:
    """Return the rows of `scores`; a track that cannot be read fails for every stem of its model."""
    made: dict[str, set[str]] = {}
    for track in found.tracks:
        made.setdefault(track.model, set()).update(track.stems)
    every = set().union(*made.values())
    columns: dict[str, list[Any]] = {name: [] for name in _WRITTEN}
    for track in found.tracks:
        _scores_of(track, made[track.model] or every, columns, found.undefined)
        columns["dataset"] += [track.dataset or dataset] * (
            len(columns["stem"]) - len(columns["dataset"])
        )
    frame = pl.DataFrame(columns, schema=_WRITTEN).with_columns(
        pl.lit(stems.MIXTURE).alias("parent"),
        pl.lit(stems.MIXTURE).alias("parent_source"),
        pl.when(pl.col("realtime_factor").is_not_null())
        .then(pl.lit(found.device, pl.String))
        .alias("device"),
    )
    return pl.concat([_no_scores(), frame], how="diagonal")


def _scores_of(
    track: TrackScores, made: Collection[str], columns: dict[str, list[Any]], undefined: str
) -> None:
    """Append the rows of a track to columns.

    Args:
        track: what a model scores on it.
        made: the stems that the model makes.
        columns: name → values.
        undefined: what to say where there is no score at all.
    """
    before = len(columns["stem"])
    if track.error:
        _failed([(stem, track.error) for stem in stems.in_order(made)], columns)
    else:
        for stem in stems.in_order(track.stems):
            values = [track.stems[stem].get(column) for column in tables.METRICS]
            error = undefined if all(value is None for value in values) else None
            _append(columns, stem, "ok", error, values)
        _failed([(slug(name), why) for name, why in track.rejected.items()], columns)
    rows, cost = len(columns["stem"]) - before, track.seconds_per_minute
    columns["track_id"] += [track.track_id] * rows
    columns["model"] += [track.model] * rows
    columns["realtime_factor"] += [60 / cost if cost else None] * rows


def _failed(errors: Iterable[tuple[str, str]], columns: dict[str, list[Any]]) -> None:
    for stem, error in errors:
        _append(columns, stem, "failed", error, [None] * len(tables.METRICS))


def _append(
    columns: dict[str, list[Any]],
    stem: str,
    status: str,
    error: str | None,
    values: Sequence[float | None],
) -> None:
    columns["stem"].append(stem)
    columns["status"].append(status)
    columns["error"].append(error)
    for column, value in zip(tables.METRICS, values, strict=True):
        columns[column].append(value)


def _no_scores() -> pl.DataFrame:
    return tables.framed("scores", ())


def merge(
    tracks: Iterable[Mapping[str, Any]],
    scores: pl.DataFrame | None,
    new_tracks: Iterable[Row],
    new_scores: pl.DataFrame | None,
) -> tuple[list[Row], pl.DataFrame]:
    """Return both tables with the new rows added; the same model on the same track is replaced.

    Rows of `oracle` are left out, since the choice is made again.
    """
    held, new = (_no_scores() if frame is None else frame for frame in (scores, new_scores))
    replaced = new.select(*_SONG, "model").unique()
    kept = held.filter(pl.col("model") != ORACLE).join(replaced, on=[*_SONG, "model"], how="anti")
    songs = {_song(row): dict(row) for row in tracks}
    again: dict[tuple[str, str], set[str]] = {}
    for dataset, track, model in replaced.iter_rows():
        again.setdefault((dataset, track), set()).add(model)
    for song, models in again.items():
        if songs.get(song, {}).get("problems"):  # what was wrong with the file that is replaced
            songs[song]["problems"] = _without(songs[song]["problems"], models)
    for row in new_tracks:
        earlier = songs.get(_song(row))
        songs[_song(row)] = _united(earlier, row) if earlier else row
    return list(songs.values()), pl.concat([kept, new.select(kept.columns)])


def _without(problems: Sequence[str], models: Collection[str]) -> list[str]:
    old = tuple(f"{model}: " for model in models)
    return [text for text in problems if not text.startswith(old)]


def _song(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["dataset"]), str(row["track_id"])


def _united(first: Row, second: Row) -> Row:
    """Return the row of a song that two sources tell of."""
    problems = [*(first["problems"] or ()), *second["problems"]]
    known = {split for split in (first["split"], second["split"]) if split is not None}
    # a song of both splits may have been trained on
    split = "train" if "train" in known else next(iter(known), None)
    return first | {
        "artist": first.get("artist") or second.get("artist"),
        "genre": first.get("genre") or second.get("genre"),
        "split": split,
        "stems": list(stems.in_order([*(first["stems"] or ()), *second["stems"]])),
        "problems": list(dict.fromkeys(problems)),
    }
