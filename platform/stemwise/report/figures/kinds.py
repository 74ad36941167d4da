"""Held-out gain against cost of every kind of ensemble, a panel per stem; the best single model is 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stemwise.report.figures.labels import place_labels
from stemwise.report.figures.palette import NEUTRAL
from stemwise.report.figures.quality_cost import COST
from stemwise.report.kinds import BEST_SINGLE, BLEND, name_of
from stemwise.report.run_tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _FLOOR, _SURFACE = (NEUTRAL[name][0] for name in ("ink", "floor", "surface"))
_BLEND = NEUTRAL["recipe"][0]
_LEAST_DB = 1.0
# of the widest cost: kinds of the same models cost the same, and stand side by side
_SPREAD = 0.014


def kinds(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw one stem: a dot per kind with the 95 % interval of its gain, hollow unless certain.

    Args:
        axes: of the panel.
        rows: of the table `kinds`, all with a cost.
    """
    widest = max(row["seconds_per_minute"] for row in rows) or 1.0
    at = _places(rows, _SPREAD * widest)
    axes.axhline(0, color=_FLOOR, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    for row, x in zip(rows, at, strict=True):
        _dot(axes, row, x)
    axes.set_xlim(0, widest * 1.45)
    axes.margins(y=0.14)
    low, high = axes.get_ylim()
    missing = max(0.0, _LEAST_DB - (high - low)) / 2
    axes.set_ylim(low - missing, high + missing)
    axes.grid(axis="y", linewidth=0.8)
    axes.set_xlabel(COST)
    axes.set_ylabel("held-out gain, dB")
    dots = sorted(zip(rows, at, strict=True), key=lambda dot: _importance(dot[0]))
    place_labels(
        axes,
        [(x, row["gain"], name_of(row["kind"])) for row, x in dots],
        {name_of(BLEND): _BLEND},
    )


def _places(rows: Sequence[Row], step: float) -> list[float]:
    """Return the place of each row, those of one cost beside each other."""
    costs = [row["seconds_per_minute"] for row in rows]
    return [
        cost + step * (costs[:place].count(cost) - (costs.count(cost) - 1) / 2)
        for place, cost in enumerate(costs)
    ]


def _importance(row: Row) -> tuple[int, float]:
    first = {BLEND: 0, BEST_SINGLE: 1}
    return first.get(row["kind"], 2), -row["gain"]


def _dot(axes: Axes, row: Row, x: float) -> None:
    colour = _BLEND if row["kind"] == BLEND else _INK
    filled = row["kind"] == BEST_SINGLE or bool(row["established"])
    if row["gain_low"] is not None:
        ends = [row["gain_low"], row["gain_high"]]
        axes.plot([x] * 2, ends, color=colour, linewidth=1.6, alpha=0.45, zorder=2)
    axes.plot(
        [x],
        [row["gain"]],
        "D" if row["kind"] == BLEND else "o",
        markersize=7,
        color=colour,
        markerfacecolor=colour if filled else _SURFACE,
        zorder=3,
    )
