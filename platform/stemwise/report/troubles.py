"""What went wrong, and what is odd in the dataset's files, as tables of text."""

from __future__ import annotations

import polars as pl

from stemwise.core.stems import in_order
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
    note = "The next run with the same settings tries these tracks again."
    return TextTable(
        "failures", "Failures", ("track", "models", "stems", "error"), tuple(rows), note
    )


def problems(tracks: pl.DataFrame) -> TextTable:
    """Return the problems of the dataset's files, a row each."""
    found = tracks.select("track_id", "problems").explode("problems").drop_nulls()
    rows = tuple((row["track_id"], row["problems"]) for row in found.iter_rows(named=True))
    note = "What was done about each is in docs/datasets.md."
    return TextTable(
        "problems", "Problems in the dataset's files", ("track", "problem"), rows, note
    )
