"""Tiers and cascades as a table of text: for the page, files and the terminal."""

from __future__ import annotations

from typing import Any

import polars as pl

from stemwise.report.markup import db, span_of
from stemwise.report.tables import TextTable

Row = dict[str, Any]
TITLE = "Cascades: score against cost"
_COLUMNS = (
    "policy",
    "from dB",
    "s per min",
    "went on",
    "score dB",
    "95 %",
    "gain dB",
    "95 % of gain",
    "over random mix",
    "95 % of it",
)
_NOTE = (
    "Mean over level-1 stems of songs that neither weights nor predictions have seen, intervals by "
    "artist. from dB: gain that the next tier must promise. gain: over the first tier. over random mix: "
    "above the score of tiers run at random at the same mean cost; where that interval holds 0, "
    "the cascade chooses its songs no better than chance. oracle: goes by the true gains."
)


def tiers_table(frame: pl.DataFrame) -> TextTable:
    """Return rows of `tiers` as text."""
    rows = sorted(frame.to_dicts(), key=lambda row: int(row["step"]))
    return TextTable("tiers", TITLE, _COLUMNS, tuple(map(_line, rows)), _NOTE)


def _line(row: Row) -> tuple[str, ...]:
    name = f"{row['tier']} alone" if row["tier"] else row["policy"]
    cost, threshold = row["seconds_per_minute"], row["threshold"]
    return (
        name + (" (left out)" if row["left_out"] else ""),
        "–" if threshold is None else db(threshold, 2, sign=True),
        "–" if cost is None else f"{cost:.1f}",
        "–" if row["tier"] else f"{100 * row['share']:.0f} %",
        db(row["mean_score"]),
        span_of(row["low"], row["high"]),
        db(row["gain"], sign=True),
        span_of(row["gain_low"], row["gain_high"]),
        "–" if row["over_mix"] is None else db(row["over_mix"], 3, sign=True),
        span_of(row["over_mix_low"], row["over_mix_high"], 3),
    )
