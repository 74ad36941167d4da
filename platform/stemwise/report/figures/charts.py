"""What the report's figures show; how they look is `drawing`'s and `palette`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stemwise.report.figures.palette import NEUTRAL, Palette
from stemwise.report.markup import db
from stemwise.report.run_tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _MUTED, _FLOOR = (NEUTRAL[name][0] for name in ("ink", "muted", "floor"))
_SURFACE = NEUTRAL["surface"][0]
_LONGEST = 26
_SLOT = 0.27  # inches per row


def height_of(rows: int, slot: float = _SLOT, extra: float = 0.6) -> float:
    """Return the height in inches of a figure with so many rows."""
    return extra + slot * max(rows, 1)


def short(name: str) -> str:
    """Return a name that leaves room for the data."""
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _label_rows(axes: Axes, names: Sequence[str], unit: str) -> None:
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(unit)


def intervals(
    axes: Axes, rows: Sequence[Row], names: Sequence[str], colours: Sequence[str]
) -> None:
    """Draw dots with intervals, one below the other, a line through the dots (a chain)."""
    values = [row["mean_score"] for row in rows]
    axes.plot(values, range(len(rows)), color=_FLOOR, linewidth=1, zorder=1)
    for y, (row, colour) in enumerate(zip(rows, colours, strict=True)):
        if row["low"] is not None and row["high"] is not None:
            axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.2, zorder=2)
        axes.plot([row["mean_score"]], [y], "o", color=colour, markersize=7, zorder=3)
        axes.annotate(
            db(row["mean_score"]),
            (row["mean_score"], y),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=_INK,
        )
    _at_least(axes, 1.0)
    _label_rows(axes, names, "score, dB")


def _at_least(axes: Axes, width: float) -> None:
    """Show at least so many dB, so that a trifle does not fill the figure."""
    axes.margins(x=0.12)
    low, high = axes.get_xlim()
    missing = max(0.0, width - (high - low)) / 2
    axes.set_xlim(low - missing, high + missing)
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.locator_params(axis="x", nbins=7)


def pairs_of_bars(
    axes: Axes, rows: Sequence[tuple[str, float, float]], colours: Sequence[str]
) -> None:
    """Draw SNR (solid) and SDR (pale) per name as bars, as the paper's Figure 3."""
    for y, ((_, snr, sdr), colour) in enumerate(zip(rows, colours, strict=True)):
        axes.barh(y - 0.2, snr, 0.36, color=colour)
        axes.barh(y + 0.2, sdr, 0.36, color=colour, alpha=0.5)
        for value, shift in ((snr, -0.2), (sdr, 0.2)):
            axes.annotate(
                db(value, 1),
                (max(value, 0), y + shift),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=_INK,
            )
    axes.axvline(0, color=_FLOOR, linewidth=1)
    axes.margins(x=0.1)
    _label_rows(axes, [row[0] for row in rows], "dB (upper bar SNR, lower and paler bar SDR)")


def shares(axes: Axes, counts: Sequence[tuple[str, int]], colour: str) -> None:
    """Draw one bar per name with its count and share, as the paper's Figure 1."""
    total = sum(count for _, count in counts)
    for y, (_, count) in enumerate(counts):
        axes.barh(y, 100 * count / total, 0.62, color=colour)
        axes.annotate(
            f"{100 * count / total:.1f} %  ({count})",
            (100 * count / total, y),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.margins(x=0.22)
    axes.set_xlim(left=0)
    _label_rows(axes, [name for name, _ in counts], "% of the tracks")


def stacked(axes: Axes, counts: Mapping[str, Mapping[str, int]], palette: Palette) -> None:
    """Draw how many songs each model won, one bar per stem, as the paper's Figure 4."""
    seen: set[str] = set()
    for y, wins in enumerate(counts.values()):
        start = 0
        for model, number in wins.items():
            label = model if model not in seen else None
            seen.add(model)
            axes.barh(
                y, number, 0.62, start, color=palette.colour(model), label=label, edgecolor=_SURFACE
            )
            if number:
                axes.text(
                    start + number / 2, y, str(number), ha="center", va="center", fontsize=9
                ).set_color(_SURFACE)
            start += number
    axes.locator_params(axis="x", integer=True)
    _label_rows(axes, list(counts), "songs")
    axes.figure.legend(loc="outside lower left", ncols=2)


def genre_pairs(axes: Axes, rows: Sequence[tuple[str, int, float, float]]) -> None:
    """Draw mean SNR and SDR per genre, as the paper's Figure 5."""
    for y, (_, _, snr, sdr) in enumerate(rows):
        axes.plot([snr, sdr], [y, y], color=_FLOOR, linewidth=1.4, zorder=1)
    lines = range(len(rows))
    axes.plot([row[2] for row in rows], lines, "o", color=_INK, markersize=7, label="SNR")
    axes.plot(
        [row[3] for row in rows], lines, "D", color=_INK, mfc=_SURFACE, markersize=6, label="SDR"
    )
    _label_rows(axes, [f"{short(genre)} ({count})" for genre, count, _, _ in rows], "dB")
    _at_least(axes, 1.0)
    axes.figure.legend(loc="outside lower right", ncols=2)


def genre_models(axes: Axes, rows: Sequence[Row], palette: Palette) -> None:
    """Draw the mean score of each model per genre with its interval."""
    genres = sorted({row["genre"] for row in rows})
    models = list(dict.fromkeys(row["model"] for row in rows))
    counts = {row["genre"]: row["tracks"] for row in rows}
    step = 0.7 / max(len(models), 1)
    for index, model in enumerate(models):
        own = [row for row in rows if row["model"] == model]
        lines = [genres.index(row["genre"]) - 0.35 + (index + 0.5) * step for row in own]
        colour = palette.colour(model)
        for y, row in zip(lines, own, strict=True):
            if row["low"] is not None and row["high"] is not None:
                axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.6)
        values = [row["mean_score"] for row in own]
        mark = palette.mark(model)
        axes.plot(values, lines, mark, color=colour, markersize=5.5, label=short(model))
    _label_rows(axes, [f"{short(genre)} ({counts[genre]})" for genre in genres], "score, dB")
    _at_least(axes, 1.0)
    axes.figure.legend(loc="outside lower left", ncols=2)
