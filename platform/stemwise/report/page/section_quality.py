"""Whether a stem's SNR can be told without its reference: a sentence, a figure per stem, the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from stemwise.core.types import REFERENCE
from stemwise.report import ledgers
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.predicted import predicted
from stemwise.report.leading import listed
from stemwise.report.markup import Html, db, el, folded, join, of_text
from stemwise.report.run_tables import Row, RunTables, StemKey, label, slug_of

_HIGH_IN = 2.9
_MOST = 12
_LEAD = (
    "Each dot is a song whose artist the regression has not seen; the band is the 90 % interval. "
    "Songs further up were separated better than predicted."
)


def quality_section(run: RunTables, sheet: Sheet) -> Html:
    """Return the section; empty where nothing was predicted, not even in vain."""
    made = ledgers.quality(run)
    if not made.rows:
        return Html("")
    rows = {key: own[0] for key in _served(run) if (own := run.rows("quality", key))}
    drawn = [shown for key in rows if (shown := _figure(run, key, rows[key], sheet))]
    return join(
        [
            el("p", verdict([(label(key), row) for key, row in rows.items()])),
            el("p", _LEAD, cls="note") if drawn else None,
            el("div", drawn[:_MOST], cls="figures") if drawn else None,
            folded("The predictions in numbers", of_text(made, 2, titled=False), made.rows),
        ]
    )


def _served(run: RunTables) -> list[StemKey]:
    """Return the stems that recipes make: those of true parents only where there are no others."""
    made = [key for key in run.stems if key[1] != REFERENCE]
    return made or list(run.stems)


def verdict(rows: Sequence[tuple[str, Row]]) -> str:
    """Say of which stems recipes tell the SNR of a new song, and of which from the level alone."""
    shown = [stem for stem, row in rows if row["shipped"]]
    level = [stem for stem, row in rows if row["shipped"] and len(row["features"]) == 1]
    held = [stem for stem, row in rows if not row["shipped"]]
    if not shown:
        return "Of no stem could the SNR be predicted, so recipes of this run show no prediction."
    told = f"Recipes of this run predict the SNR of {listed(shown, 9)} on new songs"
    told += f" ({listed(level, 9)}: from the level alone)" if level else ""
    return f"{told}. Withheld: {listed(held, 9)}." if held else f"{told}."


def _figure(run: RunTables, key: StemKey, row: Row, sheet: Sheet) -> Html | None:
    songs = run.rows("predictions", key)
    if not songs:
        return None
    title = label(key) + ("" if row["shipped"] else " (withheld)")
    alt = f"{len(songs)} songs, rank correlation {db(row['rank_correlation'])}"
    return sheet.figure(
        f"quality-{slug_of(key)}",
        title,
        alt,
        _HIGH_IN,
        lambda axes: predicted(axes, songs, row["shipped"]),
    )
