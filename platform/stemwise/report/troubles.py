"""What went wrong, and what is odd in the dataset's files, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import polars as pl

from stemwise.core.stems import in_order
from stemwise.datasets.facts import fact_of
from stemwise.report.tables import TextTable


def failures(rows_with_status: pl.DataFrame) -> TextTable:
    """Return what failed in `scores` or `estimates`, a row per track and reason."""
    failed = rows_with_status.filter(pl.col("status") == "failed")
    groups = failed.group_by("track_id", "error", maintain_order=True).agg(
        pl.col("model").unique(maintain_order=True), pl.col("stem").unique()
    )
    rows = [
        (row["track_id"], ", ".join(row["model"]), ", ".join(in_order(row["stem"])), row["error"])
        for row in groups.iter_rows(named=True)
    ]
    note = "Run the same command again to retry these tracks."
    return TextTable(
        "failures", "Failures", ("track", "models", "stems", "error"), tuple(rows), note
    )


def problems(tracks: pl.DataFrame) -> TextTable:
    """Return the problems of the dataset's files, a row each; the note counts what is no problem."""
    rows = tuple((track, text) for track, text in _sentences(tracks) if fact_of(text) is None)
    note = "docs/datasets.md says how each is handled."
    told = facts(tracks)
    return TextTable(
        "problems", "Problems in the dataset's files", ("track", "problem"), rows,
        f"{note} {told}".rstrip(),
    )  # fmt: skip


def facts(tracks: pl.DataFrame) -> str:
    """Return in a line how many files were converted by rule, which is no problem; empty of none."""
    files: Counter[str] = Counter()
    songs: dict[str, set[str]] = {}
    for track, text in _sentences(tracks):
        if fact := fact_of(text):
            files[fact] += 1
            songs.setdefault(fact, set()).add(track)
    told = [f"{n} {fact} ({_tracks(len(songs[fact]))})" for fact, n in files.most_common()]
    return f"Files converted on reading: {'; '.join(told)}." if told else ""


def _tracks(number: int) -> str:
    return f"{number} track{'s' * (number != 1)}"


def _sentences(tracks: pl.DataFrame) -> Iterator[tuple[str, str]]:
    found = tracks.select("track_id", "problems").explode("problems").drop_nulls()
    return found.iter_rows()
