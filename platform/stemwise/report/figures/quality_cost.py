"""Quality against cost: a panel per stem with every model, and the recommended recipe on top of them.

Steps join the models that none is both cheaper and better than (the Pareto front). Names stand at the
dots; where there is no room for all, the recommendation and the front have it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stemwise.report.figures.charts import short
from stemwise.report.figures.labels import place_labels
from stemwise.report.figures.palette import NEUTRAL, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _MUTED, _FLOOR, _GRID = (NEUTRAL[name][0] for name in ("ink", "muted", "floor", "grid"))
_CHOSEN = NEUTRAL["recipe"][0]
_LOG_FROM = 20.0  # times the cheapest: from here on the axis of costs is logarithmic
_LEAST_DB = 1.0
COST = "seconds of compute per minute of audio"


@dataclass(frozen=True)
class Point:
    """A model or blend of one stem.

    Attributes:
        name: what stands at the dot.
        cost: seconds of compute per minute of audio.
        score, low, high: mean score in dB with its 95 % interval.
        model: whose colour it has; None of a blend.
        chosen: it is what to deploy.
    """

    name: str
    cost: float
    score: float
    low: float | None = None
    high: float | None = None
    model: str | None = None
    chosen: bool = False


def front_of(points: Sequence[Point]) -> list[Point]:
    """Return the points that none is both cheaper and better than, the cheapest first."""
    best = float("-inf")
    kept = []
    for point in sorted(points, key=lambda p: (p.cost, -p.score)):
        if point.score > best:
            best = point.score
            kept.append(point)
    return kept


def quality_cost(axes: Axes, points: Sequence[Point], palette: Palette) -> None:
    """Draw one stem: a dot per model with its interval, the front as steps, the choice ringed."""
    front = front_of(points)
    axes.step(
        [p.cost for p in front], [p.score for p in front], where="post", color=_FLOOR, linewidth=1
    )
    for point in points:
        _dot(axes, point, palette)
    _scales(axes, points)
    order = sorted(points, key=lambda p: (not p.chosen, p not in front, -p.score))
    bold = {short(p.name) for p in points if p.chosen}
    place_labels(
        axes,
        [(p.cost, p.score, short(p.name)) for p in order],
        dict.fromkeys(bold, _CHOSEN),
    )


def _dot(axes: Axes, point: Point, palette: Palette) -> None:
    colour = palette.colour(point.model) if point.model else _CHOSEN
    mark = palette.mark(point.model) if point.model else "D"
    if point.low is not None and point.high is not None:
        ends = [point.low, point.high]
        axes.plot([point.cost] * 2, ends, color=colour, linewidth=1.6, alpha=0.55, zorder=2)
    axes.plot([point.cost], [point.score], mark, color=colour, markersize=7, zorder=3)
    if point.chosen:
        axes.plot(
            [point.cost],
            [point.score],
            "o",
            markersize=14,
            mfc="none",
            mec=_CHOSEN,
            mew=2,
            zorder=4,
        )


def _scales(axes: Axes, points: Sequence[Point]) -> None:
    costs = [point.cost for point in points]
    if min(costs) > 0 and max(costs) / min(costs) > _LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(min(costs) / 1.5, max(costs) * 2.2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda _value, _place: "")
    else:
        axes.set_xlim(0, max(costs) * 1.25 or 1.0)
    axes.margins(y=0.14)
    low, high = axes.get_ylim()
    missing = max(0.0, _LEAST_DB - (high - low)) / 2
    axes.set_ylim(low - missing, high + missing)
    if low < 0 < high:
        axes.axhline(0, color=_FLOOR, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    axes.grid(axis="y", linewidth=0.8)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_xlabel(COST)
    axes.set_ylabel("score, dB")
