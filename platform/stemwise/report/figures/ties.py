"""The figure of who can be told apart: a critical-difference diagram that has room for forty models.

Demšar's diagram (2006) lies on its side here: a line per model, best first, its mean score on the axis,
and bars that stand beside the models that tie. So names never meet, whether there are two or forty.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stemwise.report.figures.charts import short
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import NEUTRAL, Palette
from stemwise.report.markup import Html, db
from stemwise.report.run_tables import Row, RunTables, StemKey, label, slug_of
from stemwise.report.tied import Run, columns_of, tied_runs, were_tested

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 40  # models of a figure
_LEAST_DB, _HALVES = 3.0, 2.5  # the axis: at least so wide, or so many times the better half
_INK, _MUTED, _GRID = (NEUTRAL[name][0] for name in ("ink", "muted", "grid"))
_CROWD = 12  # from here on lines are closer, and the axis stands above them too
_BARS = 0.4  # of the data's width: the most that the bars may take


def ties_figure(run: RunTables, key: StemKey, sheet: Sheet, palette: Palette) -> Html | None:
    """Return the figure of a stem; None where there is no pair, or none could be tested."""
    rows = sorted(run.rows("leaderboard", key), key=lambda row: row["rank"])
    pairs = run.rows("comparisons", key)
    if len(rows) < 2 or not were_tested(pairs):
        return None
    shown = rows[:MOST]
    names = [row["model"] for row in shown]
    runs = tied_runs(names, pairs)
    title = label(key) + (f" (the best {MOST} of {len(rows)})" if len(rows) > MOST else "")
    height = 0.75 + (0.27 if len(shown) <= _CROWD else 0.2) * len(shown)
    return sheet.figure(
        f"ties-{slug_of(key)}",
        title,
        _told(shown, runs),
        height,
        lambda axes: ties(axes, shown, runs, palette),
    )


def _told(rows: Sequence[Row], runs: Sequence[Run]) -> str:
    """Say what is seen."""
    scores = [f"{row['rank']} {row['model']}: {db(row['mean_score'])} dB" for row in rows]
    bars = [f"{rows[a]['model']} to {rows[b]['model']} tie" for a, b in runs]
    return "; ".join([*scores, *(bars or ["no two tie"])])


def ties(axes: Axes, rows: Sequence[Row], runs: Sequence[Run], palette: Palette) -> None:
    """Draw the mean of each model, best first, and a bar beside each run of models that tie."""
    from matplotlib.ticker import MaxNLocator

    low, high = limits = _limits([row["mean_score"] for row in rows])
    for y, row in enumerate(rows):
        _dot(axes, y, row, limits, palette)
    axes.set_xlim(low, _bars(axes, runs, limits))
    axes.set_xticks([x for x in MaxNLocator(5).tick_values(low, high) if low <= x <= high])
    axes.spines["bottom"].set_bounds(low, high)
    axes.set_yticks(range(len(rows)), [f"{row['rank']}  {short(row['model'])}" for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("mean score, dB")
    axes.tick_params(labeltop=len(rows) > _CROWD)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Return the axis: at least 1 dB wide, and no wider than what keeps the better half apart."""
    known = [value for value in values if math.isfinite(value)]
    top = max(known, default=1.0)
    half = top - statistics.median(known) if known else 0.0
    bottom = max(min(known, default=0.0), top - max(_LEAST_DB, _HALVES * half))
    missing = max(0.0, 1.0 - (top - bottom)) / 2
    margin = 0.06 * max(top - bottom, 1.0)
    return bottom - missing - margin, top + missing + margin


def _dot(axes: Axes, y: int, row: Row, limits: tuple[float, float], palette: Palette) -> None:
    """Draw a model's mean, with a line that leads to it from its name; an arrow where it is outside."""
    low, high = limits
    value, colour = row["mean_score"], palette.colour(row["model"])
    outside = "<" if value < low else ">" if value > high else None
    x = min(max(value, low), high)
    axes.plot([low, x], [y, y], color=_GRID, linewidth=0.8, zorder=1)
    mark = outside or palette.mark(row["model"])
    axes.plot([x], [y], mark, color=colour, markersize=6, zorder=3, clip_on=False)
    if outside:
        side = 1 if outside == "<" else -1
        axes.annotate(
            db(value, 1),
            (x, y),
            (7 * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=8,
            color=_MUTED,
        )


def _bars(axes: Axes, runs: Sequence[Run], limits: tuple[float, float]) -> float:
    """Draw the bars right of the data, those that overlap side by side; return where they end."""
    low, high = limits
    columns = columns_of(runs)
    count = max(columns, default=-1) + 1
    step = min(0.045, _BARS / max(count, 1)) * (high - low)
    start = high + 0.05 * (high - low)
    for (first, last), column in zip(runs, columns, strict=True):
        x = start + step * column
        width = min(3.0, 90 * step / (high - low))
        ends = [first - 0.3, last + 0.3]
        axes.plot([x, x], ends, color=_INK, linewidth=width, solid_capstyle="butt")
    return start + step * max(count - 1, 0) + 0.02 * (high - low) if count else high
