"""Genres and artists of imported songs, joined from a table: published scores do not tell them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.datasets.base import slug, text_or_none
from stemwise.importing.published import named

Row = dict[str, Any]
# how people call the column of the songs
_TRACK = ("track_id", "track", "track_name", "title", "song", "name")
_FACTS = ("genre", "artist")


def join_facts(tracks: Sequence[Row], path: Path) -> tuple[list[Row], list[str]]:
    """Return rows of `tracks` with the genres (and artists) of a CSV, TSV or Parquet table.

    Songs meet by their ids, as stemwise makes them of titles: spellings do not matter.

    Returns:
        The rows, and sentences about songs that the table does not have.

    Raises:
        ConfigError: the table has no column of songs, none of genres or artists, or none of the songs.
        DatasetError: it cannot be read.
    """
    table = _read(path)
    known = {name.strip().casefold().replace(" ", "_"): name for name in table.columns}
    song = next((known[name] for name in _TRACK if name in known), None)
    facts = {fact: known[fact] for fact in _FACTS if fact in known}
    if song is None or not facts:
        lacks = "songs (track)" if song is None else "genre or artist"
        raise ConfigError(
            f"genres={path} has no column of {lacks}: it has {', '.join(table.columns)[:300]}."
        )
    found = {
        slug(str(row[song])): {fact: text_or_none(row[column]) for fact, column in facts.items()}
        for row in table.iter_rows(named=True)
        if row[song] is not None
    }
    absent = [str(row["title"]) for row in tracks if _id(row) not in found]
    if tracks and len(absent) == len(tracks):
        raise ConfigError(
            f"genres={path} has none of the songs: its column {song!r} must hold their titles, as "
            f"{absent[0]!r}."
        )
    joined = [row | _given(found.get(_id(row), {})) for row in tracks]
    notes = []
    if absent:
        notes.append(
            f"genres={path.name} lacks {len(absent)} of {len(tracks)} songs, which have no genre: "
            f"{named(absent)}."
        )
    return joined, notes


def _id(row: Row) -> str:
    return str(row["track_id"])


def _given(facts: Row) -> Row:
    return {fact: value for fact, value in facts.items() if value is not None}


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path)
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        return pl.read_csv(path, separator=separator, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(
            f"genres={path} cannot be read as CSV, TSV or Parquet ({reason})."
        ) from error
