"""A small bar for a table's cell: a score and its interval on a scale that all rows share."""

from __future__ import annotations

from collections.abc import Iterable

from stemwise.report.markup import Child, Html, el

WIDEST_DB = 15.0
_LEFT, _WIDE = 6.0, 108.0


def limits_of(*values: Iterable[float | None]) -> tuple[float, float]:
    """Return the scale of finite values; one that is far off does not press the others into a point."""
    bound = float("inf")
    known = [v for some in values for v in some if v is not None and -bound < v < bound]
    top = max(known, default=1.0)
    return max(min(known, default=0.0), top - WIDEST_DB), top


def interval_bar(
    score: float | None,
    low: float | None,
    high: float | None,
    scale: tuple[float, float],
    colour: str,
) -> Html:
    """Return a dot with its interval, a line at 0 dB, and an arrow for what lies below the scale."""
    bottom, top = scale
    width = top - bottom or 1.0

    def x(value: float) -> str:
        return f"{_LEFT + _WIDE * (min(max(value, bottom), top) - bottom) / width:.1f}"

    shapes: list[Child] = [_line("0", "120", "8", "8", "stroke:var(--grid)")]
    if bottom < 0 < top:
        shapes.append(_line(x(0), x(0), "1", "15", "stroke:var(--floor)"))
    if low is not None and high is not None:
        shapes.append(_line(x(low), x(high), "8", "8", f"stroke:{colour};stroke-width:3"))
    known = score is not None and abs(score) < float("inf")
    if score is not None and known and score < bottom:
        shapes.append(el("path", d="M12 3 L4 8 L12 13 Z", style=f"fill:{colour}"))
    elif score is not None and known:
        shapes.append(el("circle", cx=x(score), cy="8", r="5", style=f"fill:{colour}"))
    return el("svg", shapes, viewBox="0 0 120 16", cls="spark", aria_hidden="true")


def _line(x1: str, x2: str, y1: str, y2: str, style: str) -> Html:
    return el("line", x1=x1, x2=x2, y1=y1, y2=y2, style=style)
