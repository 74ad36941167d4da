"""What less overlap costs, as a table of text: for the page, files and the terminal."""

from __future__ import annotations

from typing import Any

import polars as pl

from stemwise.core.stems import MIXTURE, sort_key
from stemwise.core.types import REFERENCE
from stemwise.report.markup import db, span_of
from stemwise.report.tables import TextTable, stem_label

Row = dict[str, Any]
TITLE = "What less overlap costs"
_COLUMNS = ("model", "stem", "score dB", "95 %", "SNR dB", "95 % of SNR", "time", "heard", "tracks")
_NOTE = (
    "Mean of fast minus reference over the same tracks, with intervals by artist. time: reference over "
    "fast, median as measured (unreliable on a busy machine). heard: samples that the model hears per "
    "sample of audio, reference → fast. Sub-stems come from the same parent, so only their own model's "
    "tiling differs."
)


def less_overlap_table(frame: pl.DataFrame) -> TextTable:
    """Return rows of `less_overlap` as text, by model and stem."""
    rows = sorted(frame.to_dicts(), key=_order)
    return TextTable("less_overlap", TITLE, _COLUMNS, tuple(map(_line, rows)), _NOTE)


def _order(row: Row) -> tuple[bool, str, tuple[int, str], str]:
    below = row["parent"] != MIXTURE
    return below, row["model"], sort_key(row["stem"]), row["parent_source"]


def _line(row: Row) -> tuple[str, ...]:
    heard = (row["heard_reference"], row["heard_fast"])
    counted = "–" if None in heard else f"{heard[0]:.2f} → {heard[1]:.2f}"
    return (
        row["model"],
        _stem(row),
        db(row["score"], 3, sign=True),
        span_of(row["score_low"], row["score_high"], 3),
        db(row["snr"], 3, sign=True),
        span_of(row["snr_low"], row["snr_high"], 3),
        "–" if row["time_ratio"] is None else f"{row['time_ratio']:.2f}×",
        counted,
        str(row["tracks"]),
    )


def _stem(row: Row) -> str:
    if row["parent"] == MIXTURE:
        return stem_label(row["stem"])
    kind = "true" if row["parent_source"] == REFERENCE else "estimated"
    return f"{stem_label(row['stem'])} from {kind} {row['parent']}"
