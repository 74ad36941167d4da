"""Runs of one protocol: score against cost per stem, ranked tables, and every pair of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stemwise.analysis.between_runs import ANSWER
from stemwise.core.stems import MIXTURE
from stemwise.report.cautions import counted
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.figures.quality_cost import Point, quality_cost
from stemwise.report.markup import Child, Html, db, el, folded, join, span_of, table
from stemwise.report.page.interval_bar import interval_bar, limits_of
from stemwise.report.run_tables import StemKey, finite, label, slug_of
from stemwise.report.runs.content import Group, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HIGH_IN = 2.7
_MOST_PAIRS = 200
_NOTE = (
    "What each run would deploy, scored on held-out artists. Up is better, left is cheaper; vertical "
    "lines: 95 % intervals by artist. Steps: the best at each cost."
)


def group_html(group: Group, number: int, sheet: Sheet) -> Html:
    """Return figures and tables of runs that may be compared."""
    palette = Palette([line.name for line in group.lines])
    level1 = [key for key in group.stems if key[0] == MIXTURE] or group.stems
    below = [key for key in group.stems if key not in level1]
    figures = [made for key in level1 if (made := _figure(group, number, key, sheet, palette))]
    return join(
        [
            _protocol(group),
            el("p", _NOTE, cls="note") if figures else None,
            el("div", figures, cls="figures") if figures else None,
            _boards(group, level1, palette),
            folded("Sub-stems", _boards(group, below, palette)),
            _pairs(group),
            _models(group),
        ]
    )


def _protocol(group: Group) -> Html:
    protocol = group.protocol
    pair = [str(protocol.get(f"metric.{name}")) for name in ("paper_snr", "paper_sdr")]
    rule = protocol.get("selection.rule")
    songs = ", ".join(group.datasets)
    text = f"Dataset: {songs}. Score: {rule} of {' and '.join(pair)}; means over the songs of all runs."
    return el("p", text, cls="lead")


def _figure(group: Group, number: int, key: StemKey, sheet: Sheet, palette: Palette) -> Html | None:
    points = _points(group, key)
    if not points:
        return None
    alt = "; ".join(f"{p.name}: {db(p.score)} dB at {db(p.cost, 1)} s" for p in points)
    name = f"runs-{number}-{slug_of(key)}"
    return sheet.figure(name, label(key), alt, _HIGH_IN, _drawing(points, palette))


def _drawing(points: Sequence[Point], palette: Palette) -> Callable[[Axes], None]:
    return lambda axes: quality_cost(axes, points, palette)


def _points(group: Group, key: StemKey) -> list[Point]:
    """Return a dot per run; those that cannot be told apart on the figure share one."""
    shared: dict[tuple[float, float], list[Row]] = {}
    for row in finite(finite(group.board(key)), "seconds_per_minute"):
        place = (round(row["seconds_per_minute"], 2), round(row["mean_score"], 3))
        shared.setdefault(place, []).append(row)
    return [
        Point(
            group.called(rows[0]["run"]) + (f" +{len(rows) - 1}" if len(rows) > 1 else ""),
            rows[0]["seconds_per_minute"],
            rows[0]["mean_score"],
            rows[0]["low"],
            rows[0]["high"],
            rows[0]["run"],
        )
        for rows in shared.values()
    ]


def _boards(group: Group, keys: Sequence[StemKey], palette: Palette) -> Html | None:
    made = [board for key in keys if (board := _board(group, key, palette))]
    # a column per setting: each table has the page's whole width
    return el("div", made) if made else None


def _board(group: Group, key: StemKey, palette: Palette) -> Html | None:
    rows = group.board(key)
    if not rows:
        return None
    known = finite(rows)
    limits = limits_of(*([row[name] for row in known] for name in ("mean_score", "low", "high")))
    columns = ["rank", "run", *group.keys, "deploys", "ties", "score", "95 % interval", "s/min"]
    lines = [_line(group, key, row, limits, palette) for row in rows]
    first = rows[0]
    note = f"{counted(first['tracks'], 'song')}, {counted(first['artists'], 'artist')}"
    note += f"; {first['dropped']} left out." if first["dropped"] else "."
    grid = table(columns, lines, label(key), "board", texts=len(columns) - 3)
    return el("div", grid, el("p", note, cls="note"), cls="panel")


def _line(
    group: Group, key: StemKey, row: Row, limits: tuple[float, float], palette: Palette
) -> list[Child]:
    settings = group.by_name[row["run"]].settings
    bar = interval_bar(
        row["mean_score"], row["low"], row["high"], limits, palette.variable(row["run"])
    )
    deploys = " + ".join(group.deploys.get((row["run"], key), [])) or "–"
    return [
        str(row["rank"]),
        el("span", row["run"], cls="part"),
        *(settings.get(name, "–") for name in group.keys),
        deploys,
        _letter(row["tie_group"]),
        db(row["mean_score"]),
        join([bar, el("small", span_of(row["low"], row["high"], 1))]),
        db(row["seconds_per_minute"], 1),
    ]


def _letter(group: int) -> str:
    """Return A, B, … for 1, 2, …; after Z the number."""
    return chr(ord("A") + group - 1) if group <= 26 else str(group)


def _pairs(group: Group) -> Html | None:
    """Return the pairs of runs by what they would deploy, those of each stem's best first."""
    return _differences(
        [row for row in group.pairs if row["model"] == ANSWER],
        "Differences between runs",
        "What run A would deploy minus what run B would, same songs, intervals by artist.",
    )


def _models(group: Group) -> Html | None:
    """Return the differences of one and the same model between runs."""
    return _differences(
        [row for row in group.pairs if row["model"] != ANSWER],
        "The same model in several runs",
        "Models that score the same in all runs are left out.",
    )


def _differences(rows: Sequence[Row], title: str, note: str) -> Html | None:
    if not rows:
        return None
    shown = rows[:_MOST_PAIRS]
    columns = (
        "stem",
        "model",
        "run A",
        "run B",
        "A − B, dB",
        "95 %, all pairs",
        "p",
        "songs needed",
    )
    lines = [
        [
            label((row["parent"], row["parent_source"], row["stem"])),
            "deployed" if row["model"] == ANSWER else row["model"],
            row["run_a"],
            row["run_b"],
            db(row["difference"], sign=True),
            span_of(row["low_adjusted"], row["high_adjusted"]),
            db(row["p_adjusted"], 3),
            "–" if row["tracks_needed"] is None else str(row["tracks_needed"]),
        ]
        for row in shown
    ]
    more = len(rows) - len(shown)
    told = f"{note} {more} more are in tables/sweep_pairs." if more else note
    grid = table(columns, lines, title, texts=4, titled=False)
    return folded(f"{title} ({len(rows)})", join([el("p", told, cls="note"), grid]))
