"""Kinds of ensembles: a sentence, a figure per stem of held-out gain against cost, the numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stemwise.report import ledgers
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.kinds import kinds
from stemwise.report.kinds import name_of, verdict
from stemwise.report.markup import Html, db, el, folded, join, of_text
from stemwise.report.run_tables import Row, RunTables, StemKey, finite, label, slug_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HIGH_IN = 2.9
_MOST = 12
_LEAD = (
    "Up is better, left is cheaper; 0 is the best single model. Vertical lines: 95 % intervals over "
    "artists. Filled: certain gain. Kinds of one cost stand side by side."
)


def kinds_section(run: RunTables, sheet: Sheet) -> Html:
    """Return the section; empty where the run measured no ensembles of other kinds."""
    made = ledgers.kinds(run)
    if not made.rows:
        return Html("")
    rows = [(label(key), row) for key in run.stems for row in run.rows("kinds", key)]
    drawn = [shown for key in run.stems if (shown := _figure(run, key, sheet))]
    return join(
        [
            el("p", verdict(rows)),
            el("p", _LEAD, cls="note") if drawn else None,
            el("div", drawn[:_MOST], cls="figures") if drawn else None,
            folded("The kinds in numbers", of_text(made, 3, titled=False), made.rows),
        ]
    )


def _figure(run: RunTables, key: StemKey, sheet: Sheet) -> Html | None:
    known = finite(finite(run.rows("kinds", key), "seconds_per_minute"), "gain")
    if len(known) < 2:
        return None
    alt = "; ".join(
        f"{name_of(row['kind'])}: {db(row['gain'], sign=True)} dB at "
        f"{db(row['seconds_per_minute'], 1)} s"
        for row in known
    )
    return sheet.figure(f"kinds-{slug_of(key)}", label(key), alt, _HIGH_IN, _drawing(known))


def _drawing(rows: Sequence[Row]) -> Callable[[Axes], None]:
    return lambda axes: kinds(axes, rows)
