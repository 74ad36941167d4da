"""Predicted against measured SNR: a dot per song, the diagonal, and the 90 % interval around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stemwise.report.figures.palette import NEUTRAL
from stemwise.report.run_tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOOR, _MUTED, _CHOSEN = (NEUTRAL[name][0] for name in ("floor", "muted", "recipe"))
_LEAST_DB = 1.0


def predicted(axes: Axes, rows: Sequence[Row], shipped: bool) -> None:
    """Draw the tracks of one stem, grey where recipes show no prediction.

    Args:
        axes: empty.
        rows: of the table `predictions`.
        shipped: whether recipes show it.
    """
    values = [value for row in rows for value in (row["snr"], row["predicted"])]
    low, high = min(values), max(values)
    margin = max(0.06 * (high - low), (_LEAST_DB - (high - low)) / 2)
    ends = [low - margin, high + margin]
    half = rows[0]["high"] - rows[0]["predicted"]
    axes.fill_between(
        ends,
        [end - half for end in ends],
        [end + half for end in ends],
        color=_FLOOR,
        alpha=0.25,
        linewidth=0,
    )
    axes.plot(ends, ends, color=_FLOOR, linewidth=1)
    colour = _CHOSEN if shipped else _MUTED
    axes.plot(
        [row["predicted"] for row in rows],
        [row["snr"] for row in rows],
        "o",
        color=colour,
        markersize=5,
        alpha=0.8,
    )
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_xlabel("predicted SNR, dB")
    axes.set_ylabel("SNR, dB")
    axes.grid(linewidth=0.8)
