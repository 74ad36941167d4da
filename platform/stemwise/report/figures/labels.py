"""Names at dots: each where nothing else stands; the last ones are left out where there is no room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stemwise.report.figures.palette import NEUTRAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]
_SIZE = 9  # points
_WIDE, _HIGH = 0.58, 1.25  # of a letter, in font sizes
_GAP, _DOT = 7.0, 5.0  # points
_PLACES = (
    (1.0, 0.0, "left", "center"),
    (0.0, 1.0, "center", "bottom"),
    (0.0, -1.0, "center", "top"),
    (-1.0, 0.0, "right", "center"),
    (0.8, 0.8, "left", "bottom"),
    (0.8, -0.8, "left", "top"),
    (-0.8, 0.8, "right", "bottom"),
    (-0.8, -0.8, "right", "top"),
)


def place_labels(
    axes: Axes, dots: Sequence[tuple[float, float, str]], accents: Mapping[str, str]
) -> list[str]:
    """Write names beside dots and return those that found room.

    Args:
        axes: with its final limits.
        dots: x, y and name, the most important first; the first one is written in any case.
        accents: name → colour of those that stand out.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    at = [tuple(axes.transData.transform((x, y)) * scale) for x, y, _ in dots]
    taken: list[Box] = [(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in at]
    frame = axes.get_window_extent()
    room = (frame.x0 * scale, frame.y0 * scale - 4, frame.x1 * scale + 4, frame.y1 * scale + 8)
    written = []
    for number, ((x, y), (_, _, name)) in enumerate(zip(at, dots, strict=True)):
        others = taken[:number] + taken[number + 1 :]
        found = _place(x, y, name, others, room)
        if found is None and number:
            continue
        place, box = found or (_PLACES[1], (x, y, x, y))
        taken.append(box)
        written.append(name)
        _write(axes, dots[number], place, accents.get(name))
    return written


def _place(
    x: float, y: float, name: str, taken: Sequence[Box], room: Box
) -> tuple[tuple[float, float, str, str], Box] | None:
    for place in _PLACES:
        box = _box(x, y, name, place)
        inside = room[0] <= box[0] and room[1] <= box[1] and box[2] <= room[2] and box[3] <= room[3]
        if inside and not any(_meet(box, other) for other in taken):
            return place, box
    return None


def _box(x: float, y: float, name: str, place: tuple[float, float, str, str]) -> Box:
    right, up, ha, va = place
    wide, high = len(name) * _SIZE * _WIDE, _SIZE * _HIGH
    x, y = x + right * _GAP, y + up * _GAP
    x0 = {"left": x, "center": x - wide / 2, "right": x - wide}[ha]
    y0 = {"bottom": y, "center": y - high / 2, "top": y - high}[va]
    return x0, y0, x0 + wide, y0 + high


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _write(
    axes: Axes,
    dot: tuple[float, float, str],
    place: tuple[float, float, str, str],
    accent: str | None,
) -> None:
    x, y, name = dot
    right, up, ha, va = place
    axes.annotate(
        name,
        (x, y),
        (right * _GAP, up * _GAP),
        textcoords="offset points",
        ha=ha,
        va=va,
        fontsize=_SIZE,
        color=accent or NEUTRAL["ink"][0],
        fontweight="bold" if accent else "normal",
        annotation_clip=False,
        # a line that passes behind a name must not strike it through
        bbox={"facecolor": NEUTRAL["surface"][0], "edgecolor": "none", "pad": 0.4, "alpha": 0.85},
        zorder=5,
    )
