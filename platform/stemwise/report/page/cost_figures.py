"""Quality against cost: a figure per stem on the page, and all as one for papers and slides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stemwise.report.deployment import BLEND, MODEL
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.figures.quality_cost import Point, quality_cost
from stemwise.report.leading import listed
from stemwise.report.markup import Html, db, el, join
from stemwise.report.run_tables import Row, RunTables, StemKey, finite, label, slug_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "quality_cost"
_HIGH_IN = 2.7


def points_of(run: RunTables, key: StemKey) -> list[Point]:
    """Return the models of a stem, and what is deployed if it is a blend, with score and cost."""
    board = finite(finite(run.rows("leaderboard", key)), "seconds_per_minute")
    rows = [row for row in run.rows("deployment", key) if row["kind"] in (BLEND, MODEL)]
    if run.rows("deployment", key) and not rows:
        return []  # nothing usable to choose from
    chosen = rows[0] if rows else None
    alone = chosen["models"][0] if chosen and chosen["kind"] == MODEL else None
    found = [
        Point(
            row["model"],
            row["seconds_per_minute"],
            row["mean_score"],
            row["low"],
            row["high"],
            row["model"],
            row["model"] == alone,
        )
        for row in sorted(board, key=lambda row: row["rank"])
    ]
    return [*found, *_blend(chosen)] if chosen else found


def _blend(row: Row) -> list[Point]:
    """Return what is deployed, if it is a blend whose cost is known."""
    cost, score = row["seconds_per_minute"], row["mean_score"]
    if row["kind"] != BLEND or cost is None or score is None:
        return []
    name = f"blend of {len(row['models'])}"
    return [Point(name, cost, score, row["low"], row["high"], chosen=True)]


def cost_figures(run: RunTables, sheet: Sheet, palette: Palette) -> Html | None:
    """Return a figure per stem that offers a choice, and links to all of them in one file."""
    keys = [key for key in run.level1 if run.rows("leaderboard", key)]
    found = {key: points for key in keys if len(points := points_of(run, key)) > 1}
    if not found:
        return None
    drawn = [_figure(sheet, key, points, palette) for key, points in found.items()]
    panels = [(label(key), _drawing(points, palette)) for key, points in found.items()]
    sheet.panels(NAME, panels, _HIGH_IN)
    files = [
        el("a", kind.upper(), href=f"{sheet.link}/{NAME}.{kind}", download=True)
        for kind in ("svg", "png")
    ]
    ringed = any(point.chosen for points in found.values() for point in points)
    note = "Up is better, left is cheaper. Vertical lines: 95 % intervals. Steps: the best at each cost."
    note = f"{note} Ringed: what to deploy." if ringed else note
    rest = [label(key) for key in keys if key not in found]
    note += f" Not shown, since there is no choice: {listed(rest, 9)}." if rest else ""
    title = el("h3", "Quality against cost ", el("span", files[0], " ", files[1], cls="files"))
    return join([title, el("p", note, cls="note"), el("div", drawn, cls="figures")])


def _figure(sheet: Sheet, key: StemKey, points: Sequence[Point], palette: Palette) -> Html:
    alt = "; ".join(
        f"{p.name}: {db(p.score)} dB at {db(p.cost, 1)} s{' (deploy)' if p.chosen else ''}"
        for p in points
    )
    return sheet.figure(
        f"{NAME}-{slug_of(key)}",
        label(key),
        alt,
        _HIGH_IN,
        _drawing(points, palette),
    )


def _drawing(points: Sequence[Point], palette: Palette) -> Callable[[Axes], None]:
    return lambda axes: quality_cost(axes, points, palette)
