"""How well a stem's SNR is predicted without its reference, as a table of text."""

from __future__ import annotations

from collections.abc import Iterable

from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import Row
from stemwise.report.tables import TextTable

TITLE = "Quality without a reference"
_NOTE = (
    "SNR predicted from what is known without references, for artists that the regression has not seen. "
    "rank: Spearman's correlation of prediction and SNR, with its 95 % interval; level: the same from "
    "the stem's level alone. error: root mean square; spread: of the SNR. in 90 %: songs within their "
    "intervals. Recipes show a prediction only where it ranks songs with certainty."
)
_COLUMNS = ("stem", "shown", "rank", "95 %", "level", "error dB", "spread dB", "in 90 %", "artists")


def quality_table(rows: Iterable[tuple[str, Row]]) -> TextTable:
    """Return the rows of `quality` as text.

    Args:
        rows: label of the stem, and its row.
    """
    lines = tuple((stem, *_line(row)) for stem, row in rows)
    return TextTable("quality", TITLE, _COLUMNS, lines, _NOTE)


def _line(row: Row) -> tuple[str, ...]:
    return (
        _shown(row),
        db(row["rank_correlation"]),
        span_of(row["low"], row["high"]),
        db(row["rank_correlation_of_level"]),
        db(row["error"]),
        db(row["snr_spread"]),
        "–" if row["coverage"] is None else f"{100 * row['coverage']:.0f} %",
        str(row["artists"]),
    )


def _shown(row: Row) -> str:
    if row["shipped"]:
        return "yes" if len(row["features"]) > 1 else "level alone"
    return "too few" if row["error"] is None else "no"
