"""What makes a run's tracks dependent, in words: who made them, and which recordings are there twice."""

from __future__ import annotations

import polars as pl

from stemwise.analysis.dependence import EQUAL, copies
from stemwise.report.cautions import counted
from stemwise.report.tables import TextTable

_SHOWN = 3  # recordings of a sentence; the table has all
_TRACK = ("dataset", "track_id")
_COLUMNS = ("track", "artist", "the same as", "artist of that", "similarity", "kind")


def by_whom(tracks: pl.DataFrame) -> str:
    """Return the end of "12 tracks …": by how many artists, and how many tracks' are unknown."""
    known = tracks["artist"].cast(pl.String).replace("", None)
    unknown = known.null_count()
    if unknown == len(tracks):
        return ", artists unknown (each counts as its own)" if unknown else ""
    artists = f" by {counted(known.drop_nulls().n_unique(), 'artist')}"
    if not unknown:
        return artists
    whose = "an unknown artist" if unknown == 1 else "unknown artists"
    return f"{artists}, {counted(unknown, 'track')} of {whose} (each counts as its own)"


def dependence_notes(tracks: pl.DataFrame, duplicates: pl.DataFrame) -> list[str]:
    """Return sentences on unknown artists and on recordings that appear twice, where there are any."""
    found = [unknown_artists(tracks), repeated(duplicates)]
    return [note for note in found if note]


def unknown_artists(tracks: pl.DataFrame) -> str:
    """Say whose artists are unknown, and what that means; empty where all are known."""
    unknown = tracks["artist"].cast(pl.String).replace("", None).null_count()
    if not unknown:
        return ""
    if unknown == len(tracks):
        whose = "The artists are unknown"
    else:
        of = "The artist of" if unknown == 1 else "The artists of"
        whose = f"{of} {counted(unknown, 'track')} {'is' if unknown == 1 else 'are'} unknown"
    return (
        f"{whose}: each such track counts as an artist of its own, so intervals are too narrow if "
        "tracks share one."
    )


def how_often(duplicates: pl.DataFrame) -> str:
    """Say how many recordings appear twice or more; empty where none does."""
    groups = copies(duplicates)
    if not groups:
        return ""
    often = "twice" if all(len(group) == 2 for group in groups) else "more than once"
    verb = "appears" if len(groups) == 1 else "appear"
    return f"{counted(len(groups), 'recording')} {verb} {often}"


def repeated(duplicates: pl.DataFrame) -> str:
    """Say which recordings appear twice or more; empty where none does."""
    groups = copies(duplicates)
    if not groups:
        return ""
    exact = {row[:2] for row in duplicates.filter(pl.col("kind") == EQUAL).select(_TRACK).rows()}
    several = duplicates.select("dataset", "other_dataset").unpivot()["value"].n_unique() > 1
    told = [
        " = ".join("/".join(track) if several else track[1] for track in group)
        + ("" if group[0] in exact else " (nearly equal)")
        for group in groups[:_SHOWN]
    ]
    more = f"; and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else ""
    last = "It counts" if len(groups) == 1 else "They count"
    whole = "as one artist" if len(groups) == 1 else "as one artist each"
    return f"{how_often(duplicates)}: {'; '.join(told)}{more}. {last} {whole}."


def duplicates_table(tracks: pl.DataFrame, duplicates: pl.DataFrame) -> TextTable:
    """Return the pairs of tracks that are one recording, a row each."""
    artists = {row[:2]: row[2] or "unknown" for row in tracks.select(*_TRACK, "artist").iter_rows()}
    rows = tuple(
        (
            f"{row['dataset']}/{row['track_id']}",
            artists.get((row["dataset"], row["track_id"]), "unknown"),
            f"{row['other_dataset']}/{row['other_track_id']}",
            artists.get((row["other_dataset"], row["other_track_id"]), "unknown"),
            f"{row['similarity']:.3f}",
            row["kind"],
        )
        for row in duplicates.iter_rows(named=True)
    )
    note = (
        "Pairs of tracks that are one recording, by the spectra of their mixtures (docs/decisions.md). "
        "Their artists count as one in every interval, test and fold."
    )
    return TextTable("duplicates", "Recordings that appear twice", _COLUMNS, rows, note)
