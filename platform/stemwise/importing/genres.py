"""Genres and artists of imported songs, joined from a table: published scores do not tell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stemwise.core.errors import ConfigError
from stemwise.datasets.base import slug, text_or_none
from stemwise.importing.published import named
from stemwise.importing.table_file import read_table

Row = dict[str, Any]
# how people call the column of the songs
_TRACK = ("track_id", "track", "track_name", "title", "song", "name")
_FACTS = ("genre", "artist")


def join_facts(tracks: Sequence[Row], path: Path) -> tuple[list[Row], list[str]]:
    """Return rows of `tracks` with the genres (and artists) of a CSV, TSV or Parquet table.

    Songs meet by `Artist - Title`, as their ids are made of it (spellings do not matter), by title where
    only one song has it, or by title and artist where the table has both.

    Returns:
        The rows, and sentences about songs that the table does not have.

    Raises:
        ConfigError: the table has no column of songs, none of genres or artists, or none of the songs.
        DatasetError: it cannot be read.
    """
    table = read_table(path, f"genres={path} cannot be read")
    known = {name.strip().casefold().replace(" ", "_"): name for name in table.columns}
    song = next((known[name] for name in _TRACK if name in known), None)
    facts = {fact: known[fact] for fact in _FACTS if fact in known}
    if song is None or not facts:
        lacks = "songs (track)" if song is None else "genre or artist"
        raise ConfigError(
            f"genres={path} has no column of {lacks}: it has {', '.join(table.columns)[:300]}."
        )
    found = _by_song(table, song, facts, path)
    names = _names(tracks)
    known_songs = [next((found[n] for n in names[_id(row)] if n in found), None) for row in tracks]
    if tracks and not any(own is not None for own in known_songs):
        raise ConfigError(
            f"genres={path} has none of the songs: none of its {song!r} is {tracks[0]['title']!r} or "
            f"{_id(tracks[0])!r}, for example."
        )
    joined = [row | _given(own or {}) for row, own in zip(tracks, known_songs, strict=True)]
    lost = [str(row["title"]) for row in joined if not row.get("genre")]
    if not lost or "genre" not in facts:
        return joined, []
    told = f"{len(lost)} of {len(tracks)} songs have no genre: {named(lost)}."
    return joined, [f"genres={path.name}: {told}"]


def _by_song(
    table: pl.DataFrame, song: str, facts: Mapping[str, str], path: Path
) -> dict[str, dict[str, str | None]]:
    """Return the facts of a table by every name that its songs go by.

    Raises:
        ConfigError: one song twice with different facts.
    """
    found: dict[str, dict[str, str | None]] = {}
    for row in table.iter_rows(named=True):
        if row[song] is None:
            continue
        own = {fact: text_or_none(row[column]) for fact, column in facts.items()}
        labels = {slug(str(row[song]))}
        if own.get("artist"):
            labels.add(slug(f"{own['artist']} - {row[song]}"))
        for label in labels:
            if found.setdefault(label, own) != own and len(labels) == 1:
                raise ConfigError(
                    f"genres={path} has {row[song]!r} twice, with different genres or artists: "
                    "remove one."
                )
    return found


def _names(tracks: Sequence[Row]) -> dict[str, list[str]]:
    """Return what each track may be called in a table: its id, else its title where that is unique."""
    titles = [slug(str(row["title"])) for row in tracks]
    counts = Counter(titles)
    return {
        _id(row): [_id(row), *([title] if counts[title] == 1 else [])]
        for row, title in zip(tracks, titles, strict=True)
    }


def _id(row: Row) -> str:
    return str(row["track_id"])


def _given(facts: Row) -> Row:
    return {fact: value for fact, value in facts.items() if value is not None}
