"""Tables for the terminal, where forty rows of one stem would push all others out of sight."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from stemwise.report.tables import TextTable

MOST = 5  # rows of a stem


def abridged(table: TextTable, most: int = MOST) -> TextTable:
    """Return a table with the first rows of each group, and a line that says where the others are.

    A group is rows that follow each other with the same first cell (a stem); one row is never left over.
    """
    rows: list[tuple[str, ...]] = []
    for name, group in groupby(table.rows, key=lambda row: row[0]):
        every = list(group)
        shown = every if len(every) <= most + 1 else every[:most]
        rows += shown
        if more := len(every) - len(shown):
            told = f"and {more} more: {table.name}.csv"
            rows.append((name, told, *[""] * (len(table.columns) - 2)))
    return replace(table, rows=tuple(rows))
