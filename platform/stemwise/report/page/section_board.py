"""The leaderboard of each stem, what ties, and every pair of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stemwise.report import ledgers
from stemwise.report.cautions import counted
from stemwise.report.deployment import NOTHING
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.figures.ties import ties_figure
from stemwise.report.leading import leading, perfect, suspicion
from stemwise.report.markup import Child, Html, db, el, folded, join, of_text, span_of, table
from stemwise.report.page.interval_bar import interval_bar, limits_of
from stemwise.report.page.model_mark import dot
from stemwise.report.run_tables import Row, RunTables, StemKey, finite, label
from stemwise.report.tables import TextTable, table_one
from stemwise.report.verdict import verdict

_MOST_LEADERS, _A_FEW_MORE = 12, 3
_MOST_PAIRS = 120
_TIES = (
    "Mean scores, best first. Models joined by a bar tie: none of their differences is significant "
    "(adjusted p ≥ 0.05). Models without a common bar differ."
)


def leaderboards(run: RunTables, sheet: Sheet, palette: Palette) -> Html:
    """Return the leaderboard of each stem, the figures of what ties, and the pairs of models."""
    below = [key for key in run.stems if key not in run.level1]
    return join(
        [
            _boards(run, run.level1, palette),
            folded("Sub-stems", _boards(run, below, palette)),
            _ties(run, below, sheet, palette),
            pairs_of_models(run),
            _means(run),
        ]
    )


def _means(run: RunTables) -> Html | None:
    """Return mean SNR and SDR per model and stem; what others published has a section of its own."""
    if run.imported:
        return None
    made = table_one(run["scores"], run.models)
    return folded("Mean SNR and SDR of every model", of_text(made, titled=False), made.rows)


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
            el("h3", "Which differences are significant"),
            el("p", _TIES, cls="note"),
            el("div", level1, cls="figures"),
            folded("Sub-stems", rest),
        ]
    )


def _board(run: RunTables, key: StemKey, palette: Palette) -> Html | None:
    rows = sorted(run.rows("leaderboard", key), key=lambda row: row["rank"])
    if not rows:
        return None
    flagged = any(row["trained_here"] for row in rows)
    known = finite(rows)
    limits = limits_of(*([row[name] for row in known] for name in ("mean_score", "low", "high")))
    columns: list[Child] = ["rank", "model", "ties", "score", "95 % interval"]
    costs = any(row["seconds_per_minute"] is not None for row in rows)
    if costs:
        columns.append("s/min")
    if flagged:
        columns[1:1] = ["clean"]
    lines = [_line(row, flagged, limits, palette)[: len(columns)] for row in rows]
    texts, few = 3 if flagged else 2, len(leading(rows, _MOST_LEADERS, _A_FEW_MORE))
    grid = table(columns, lines[:few], label(key), "board", texts=texts)
    return el(
        "div",
        grid,
        _rest(columns, lines[few:], key, texts),
        _unusable(run, key),
        _notes(rows, flagged),
        cls="panel",
    )


def _unusable(run: RunTables, key: StemKey) -> Html | None:
    """Say that the best model of a stem is no winner, where it is worse than nothing."""
    found = verdict(run, key)
    if found.kind != NOTHING:
        return None
    return el("p", f"Unusable: even the best is {found.why}.", cls="caution")


def _rest(
    columns: Sequence[Child], lines: Sequence[Sequence[Child]], key: StemKey, texts: int
) -> Html | None:
    """Return the models after the leaders, folded."""
    if not lines:
        return None
    caption = f"{label(key)}: the other models"
    grid = table(columns, lines, caption, "board", texts=texts, titled=False)
    return folded(f"{len(lines)} more models", grid)


def _notes(rows: Sequence[Row], flagged: bool) -> list[Html]:
    first = next(iter(finite(rows)), rows[0])
    counts = [counted(first["tracks"], "track"), counted(first["artists"], "artist")]
    note = ", ".join(counts) + (f"; {first['dropped']} left out." if first["dropped"] else ".")
    if flagged:
        note += " † trained on this dataset; clean: rank without such models."
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
    return folded(f"Every pair of models ({every:,})".replace(",", " "), body)


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
        join(
            [
                interval_bar(
                    row["mean_score"],
                    row["low"],
                    row["high"],
                    limits,
                    palette.variable(row["model"]),
                ),
                _interval(row),
            ]
        ),
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
