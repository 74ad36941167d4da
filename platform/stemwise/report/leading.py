"""Which rows of a leaderboard are shown where there is no room for all: those that one chooses from."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stemwise.report.run_tables import Row, finite


def leading(rows: Sequence[Row], most: int, more: int = 0) -> list[Row]:
    """Return models without a finite mean that stand first, then the first tie group and a few.

    Args:
        rows: of one stem of `leaderboard`, best first.
        most: how many at most, those without a finite mean apart; a single row is never left over.
        more: how many after the tie group.
    """
    known = {id(row) for row in finite(rows)}
    start = next((i for i, row in enumerate(rows) if id(row) in known), len(rows))
    ranked = rows[start:]
    tied = sum(row["tie_group"] == ranked[0]["tie_group"] for row in ranked)
    shown = start + min(most, max(tied + more, 3))
    return list(rows if len(rows) - shown <= 1 else rows[:shown])


def perfect(rows: Sequence[Row]) -> list[str]:
    """Return the models that are infinitely good on every track."""
    return [row["model"] for row in rows if row["mean_score"] == math.inf]


def suspicion(models: Sequence[str]) -> str | None:
    """Return what to think of models that are infinitely good on every track; None of none."""
    if not models:
        return None
    verb, what = ("equals", "an answer key") if len(models) == 1 else ("equal", "answer keys")
    kind = "a separator" if len(models) == 1 else "separators"
    return f"{listed(models)} {verb} the reference on every track: {what} rather than {kind}?"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return names as people write them: "a", "a and b", "a, b, c and 4 more"."""
    told = list(names[:most])
    if len(names) > most:
        told.append(f"{len(names) - most} more")
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
