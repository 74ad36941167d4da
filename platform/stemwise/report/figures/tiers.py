"""Score against cost of tiers, of cascades through them, and of mixing them at random.

The space between the dashed line and the cascade's curve is what choosing songs is worth; the oracle's
curve is what it could be worth at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stemwise.analysis.cascade import hull
from stemwise.report.figures.labels import place_labels
from stemwise.report.figures.palette import LIGHT, NEUTRAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOOR, _ORACLE, _CHOSEN = (NEUTRAL[name][0] for name in ("floor", "oracle", "recipe"))
_TIER = LIGHT[0]
_LEAST_DB = 0.5
COST = "seconds of compute per minute of audio, mean of the songs"


@dataclass(frozen=True)
class Spot:
    """A policy: its mean cost, and mean score in dB with its 95 % interval."""

    name: str
    cost: float
    score: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Curves:
    """What is drawn: tiers that are run alone, cascades and oracle by rising cost, and the recipe."""

    tiers: Sequence[Spot]
    cascades: Sequence[Spot]
    oracle: Sequence[Spot]
    recipe: Spot | None


def tiers_figure(axes: Axes, curves: Curves) -> None:
    """Draw score against cost."""
    corners = hull(*(np.array([getattr(t, n) for t in curves.tiers]) for n in ("cost", "score")))
    mixed = [curves.tiers[number] for number in corners]
    _line(axes, mixed, color=_FLOOR, linestyle=(0, (4, 3)), label="random mix of tiers")
    if curves.oracle:
        _line(axes, curves.oracle, color=_ORACLE, linestyle=(0, (1, 2)), label="oracle")
    if curves.cascades:
        _line(axes, curves.cascades, color=_CHOSEN, marker="o", markersize=4, label="cascade")
    for tier in curves.tiers:
        if tier.low is not None and tier.high is not None:
            ends = [tier.low, tier.high]
            axes.plot([tier.cost] * 2, ends, color=_TIER, linewidth=1.6, alpha=0.55, zorder=2)
        axes.plot([tier.cost], [tier.score], "s", color=_TIER, markersize=7, zorder=3)
    if curves.recipe is not None:
        at = [curves.recipe.cost], [curves.recipe.score]
        axes.plot(*at, "o", markersize=14, mfc="none", mec=_CHOSEN, mew=2, zorder=4)
    _scales(axes, curves)
    place_labels(axes, [(t.cost, t.score, t.name) for t in curves.tiers], {})
    axes.figure.legend(loc="outside lower left", ncols=3)


def _line(axes: Axes, spots: Sequence[Spot], **looks: object) -> None:
    looks = {"linewidth": 1.4, "zorder": 2} | looks
    axes.plot([s.cost for s in spots], [s.score for s in spots], **looks)  # type: ignore[arg-type]


def _scales(axes: Axes, curves: Curves) -> None:
    spots = [*curves.tiers, *curves.cascades, *curves.oracle]
    axes.set_xlim(0, max(spot.cost for spot in spots) * 1.2 or 1.0)
    # the curves fill the figure: intervals of means over songs are far wider than what they differ by
    scores = [spot.score for spot in spots]
    room = max(_LEAST_DB, 1.4 * (max(scores) - min(scores))) / 2
    middle = (max(scores) + min(scores)) / 2
    axes.set_ylim(middle - room, middle + room)
    axes.grid(axis="y", linewidth=0.8)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_xlabel(COST)
    axes.set_ylabel("score, dB")
