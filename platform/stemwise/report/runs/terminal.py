"""Several runs in a terminal: the best settings of each stem, and what is not finished."""

from __future__ import annotations

from collections.abc import Iterator

from stemwise.core.stems import MIXTURE
from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import label
from stemwise.report.runs.content import Comparison, Group
from stemwise.report.tables import TextTable

_FEW = 3
_NOTE = "What each run would deploy, on the songs of all; the page has all runs."


def best_runs(comparison: Comparison) -> list[TextTable]:
    """Return a table per group: the first runs of each stem."""
    return [
        TextTable(
            "sweep",
            f"Best runs ({', '.join(group.datasets)}, {group.protocol.get('selection.rule')})",
            ("stem", "run", "settings", "score dB", "95 %", "s/min"),
            tuple(_rows(group)),
            _NOTE,
        )
        for group in comparison.groups
        if group.boards
    ]


def _rows(group: Group) -> Iterator[tuple[str, ...]]:
    for key in (key for key in group.stems if key[0] == MIXTURE):
        for row in group.board(key)[:_FEW]:
            yield (
                label(key),
                row["run"],
                group.called(row["run"]),
                db(row["mean_score"]),
                span_of(row["low"], row["high"]),
                db(row["seconds_per_minute"], 1),
            )


def unfinished(comparison: Comparison) -> TextTable:
    """Return the runs that are not finished, each with the reason."""
    rows = [
        (
            line.name,
            line.status,
            "–" if line.exit_code is None else f"exit code {line.exit_code}",
            line.error or "",
        )
        for line in comparison.lines
        if line.status != "finished"
    ]
    columns = ("run", "status", "exit code", "reason")
    return TextTable("unfinished", "Not finished", columns, tuple(rows))
