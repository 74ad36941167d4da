"""Why a stem has no answer, in words."""

from __future__ import annotations

import polars as pl

from stemwise.analysis.aggregate import REFERENCE_LINES
from stemwise.report.run_tables import RunTables, StemKey


def made_by(run: RunTables, key: StemKey) -> list[str]:
    """Return the models that have rows of a stem, reference lines apart."""
    frame = run.of_stem("scores", key).filter(~pl.col("model").is_in(REFERENCE_LINES))
    return frame["model"].unique().sort().to_list()


def no_answer(run: RunTables, key: StemKey) -> str:
    """Say why no model of a stem can be recommended."""
    frame = run.of_stem("scores", key)
    if not made_by(run, key):
        return "no model of this run makes this stem"
    if (frame["status"] == "silent_reference").all():
        return "silent in every track"
    if (frame["status"] == "missing_reference").all():
        return "no true stem to score against"
    if not (frame["status"] == "ok").any():
        return "no model has a score"
    if run["leaderboard"].is_empty():
        return "this run has no leaderboard (`stemwise report` with its output= makes one)"
    return "no track has a finite score from every model"
