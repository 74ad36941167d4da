"""Section 2: the leaderboard of each stem, what ties, and every pair of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stemwise.report import ledgers
from stemwise.report.cautions import counted
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.figures.ties import ties_figure
from stemwise.report.leading import leading, perfect, suspicion
from stemwise.report.markup import Child, Html, db, el, join, of_text, span_of, table
from stemwise.report.page.model_mark import dot
from stemwise.report.run_tables import Row, RunTables, StemKey, finite, label
from stemwise.report.tables import TextTable

_WIDEST_DB = 15.0
_MOST_LEADERS, _A_FEW_MORE = 12, 3
_MOST_PAIRS = 120
_TIES = (
    "The mean score of each model, best first. A bar joins models that tie: no two of them can be told "
    "apart (adjusted p ≥ 0.05). Two models that no bar joins differ."
)


def leaderboards(run: RunTables, sheet: Sheet, palette: Palette) -> Html:
    """Return the leaderboard of each stem, the figures of what ties, and the pairs of models."""
    below = [key for key in run.stems if key not in run.level1]
    return join(
        [
            _boards(run, run.level1, palette),
            _folded("Level 2", _boards(run, below, palette)),
            _ties(run, below, sheet, palette),
            pairs_of_models(run),
        ]
    )


def _folded(title: str, body: Html | None) -> Html | None:
    return el("details", el("summary", title), body) if body else None


def _boards(run: RunTables, keys: Sequence[StemKey], palette: Palette) -> Html | None:
    made = [board for key in keys if (board := _board(run, key, palette))]
    return el("div", made, cls="grid") if made else None


def _ties(run: RunTables, below: Sequence[StemKey], sheet: Sheet, palette: Palette) -> Html | None:
    """Return the figures of what ties, those of sub-stems folded."""
    level1, level2 = (
        [made for key in keys if (made := ties_figure(run, key, sheet, palette))]
        for keys in (run.level1, below)
    )
    if not level1 and not level2:
        return None
    rest = el("div", level2, cls="figures") if level2 else None
    return join(
        [
            el("h3", "Who can be told apart"),
            el("p", _TIES, cls="note"),
            el("div", level1, cls="figures"),
            _folded("Level 2", rest),
        ]
    )


def _board(run: RunTables, key: StemKey, palette: Palette) -> Html | None:
    rows = sorted(run.rows("leaderboard", key), key=lambda row: row["rank"])
    if not rows:
        return None
    flagged = any(row["trained_here"] for row in rows)
    limits = _limits(rows)
    columns: list[Child] = ["rank", "model", "ties", "score", "95 % interval", "s/min"]
    if flagged:
        columns[1:1] = ["clean"]
    lines = [_line(row, flagged, limits, palette) for row in rows]
    texts, few = 3 if flagged else 2, len(leading(rows, _MOST_LEADERS, _A_FEW_MORE))
    grid = table(columns, lines[:few], label(key), "board", texts=texts)
    return el(
        "div", grid, _rest(columns, lines[few:], key, texts), _notes(rows, flagged), cls="panel"
    )


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the scale of the small intervals, which all models of a stem share."""
    bounds = [
        value
        for row in finite(rows)
        for value in (row["mean_score"], row["low"], row["high"])
        if value is not None
    ]
    top = max(bounds, default=1.0)
    # one model that is far off must not press the others into a point
    return max(min(bounds, default=0.0), top - _WIDEST_DB), top


def _rest(
    columns: Sequence[Child], lines: Sequence[Sequence[Child]], key: StemKey, texts: int
) -> Html | None:
    """Return the models after the leaders, folded."""
    if not lines:
        return None
    caption = f"{label(key)}: all further models"
    grid = table(columns, lines, caption, "board", texts=texts, titled=False)
    return _folded(f"{len(lines)} further models", grid)


def _notes(rows: Sequence[Row], flagged: bool) -> list[Html]:
    first = next(iter(finite(rows)), rows[0])
    counts = [counted(first["tracks"], "track"), counted(first["artists"], "artist")]
    note = ", ".join(counts) + (f"; {first['dropped']} left out." if first["dropped"] else ".")
    if flagged:
        note += " † was trained on this dataset; clean is the rank without such models."
    odd = suspicion(perfect(rows))
    return [el("p", note, cls="note"), *([el("p", odd, cls="caution")] if odd else [])]


def pairs_of_models(run: RunTables) -> Html | None:
    """Return the pairs of models, folded: all of them, or of many those with each stem's first."""
    found = ledgers.comparisons(run)
    if not found.rows:
        return None
    every = len(found.rows)
    shown = found if every <= _MOST_PAIRS else _with_the_first(found)
    told = [el("p", _bounded(len(shown.rows), every), cls="note")] if shown is not found else []
    body = join([*told, of_text(shown, 3, titled=False)])
    return _folded(f"Every pair of models ({every:,})".replace(",", " "), body)


def _with_the_first(found: TextTable) -> TextTable:
    """Return the first pairs of each stem: a table of pairs begins with those of the best model."""
    stems = {row[0]: row[1] for row in reversed(found.rows)}
    most = max(3, _MOST_PAIRS // len(stems))
    kept = []
    for stem, best in reversed(stems.items()):
        kept += [row for row in found.rows if row[:2] == (stem, best)][:most]
    return replace(found, rows=tuple(kept[:_MOST_PAIRS]))


def _bounded(shown: int, every: int) -> Html:
    file = "../tables/comparisons/comparisons.parquet"
    links = [el("a", "tables/comparisons", href=file), el("a", "CSV", href="comparisons.csv")]
    text = f"The {shown} pairs with the best model of each stem; all {every:,} are in ".replace(
        ",", " "
    )
    return join([text, links[0], " (", links[1], ")."])


def _line(row: Row, flagged: bool, limits: tuple[float, float], palette: Palette) -> list[Child]:
    group = el("span", _letter(row["tie_group"]), cls=f"tie tie{row['tie_group'] % 2}")
    cells: list[Child] = [
        str(row["rank"]),
        dot(palette, row["model"], row["trained_here"]),
        group,
        db(row["mean_score"]),
        join([_bar(row, limits, palette), _interval(row)]),
        db(row["seconds_per_minute"], 1),
    ]
    if flagged:
        cells[1:1] = ["–" if row["rank_clean"] is None else str(row["rank_clean"])]
    return cells


def _interval(row: Row) -> Html | None:
    shown = span_of(row["low"], row["high"], 1)
    return el("small", shown) if shown != "–" else None


def _letter(group: int) -> str:
    """Return A, B, … Z, AA, AB, … for 1, 2, …"""
    above, place = divmod(group - 1, 26)
    return (_letter(above) if above else "") + chr(ord("A") + place)


def _bar(row: Row, limits: tuple[float, float], palette: Palette) -> Html:
    """Return a small dot with its interval on a scale that all models of the stem share."""
    low, high = limits
    width, colour = high - low or 1.0, palette.variable(row["model"])

    def x(value: float) -> str:
        return f"{6 + 108 * (max(value, low) - low) / width:.1f}"

    shapes: list[Child] = [el("line", x1="0", x2="120", y1="8", y2="8", style="stroke:var(--grid)")]
    if low < 0 < high:
        zero = x(0)
        shapes.append(el("line", x1=zero, x2=zero, y1="1", y2="15", style="stroke:var(--floor)"))
    if row["low"] is not None and row["high"] is not None:
        style = f"stroke:{colour};stroke-width:3"
        shapes.append(el("line", x1=x(row["low"]), x2=x(row["high"]), y1="8", y2="8", style=style))
    if finite([row]) and row["mean_score"] < low:
        shapes.append(el("path", d="M12 3 L4 8 L12 13 Z", style=f"fill:{colour}"))
    elif finite([row]):
        shapes.append(el("circle", cx=x(row["mean_score"]), cy="8", r="5", style=f"fill:{colour}"))
    return el("svg", shapes, viewBox="0 0 120 16", cls="spark", aria_hidden="true")
