"""Sections 1 to 3 and 5: the verdict, the leaderboard, the regret ledger, quality against cost."""

from __future__ import annotations

from stemwise.report import figures, ledgers
from stemwise.report.drawing import Sheet
from stemwise.report.markup import Child, Html, db, el, join, of_text, span_of, table
from stemwise.report.palette import NEUTRAL, Palette
from stemwise.report.recipes import recipes_section
from stemwise.report.run_tables import Row, RunTables, StemKey, finite, label, slug_of
from stemwise.report.verdict import Verdict, counted, made_by, verdict

_WIDEST_DB = 15.0
LEVEL_WORDS = {
    "best_single": "The model that is best on other tracks. What you get without any blending.",
    "recipe": "A blend fitted on other artists' tracks and scored on these. It can be deployed.",
    "track_oracle": "The best model of each track, chosen with its true stems: the paper's ensemble. "
    "It cannot be deployed.",
    "segment_oracle": "The same choice anew for each stretch of a track. It cannot be deployed.",
    "equal_models": "What the track oracle would seem to gain if all models were equally good on "
    "average: the part of its gain that is chance.",
}


def dot(palette: Palette, model: str, flagged: bool = False) -> Html:
    """Return a model's name with its colour beside it, and a † where it was trained here."""
    swatch = el(
        "span", cls="dot", style=f"background:{palette.variable(model)}", aria_hidden="true"
    )
    flag = el("abbr", "†", title="trained on this dataset", cls="flag") if flagged else None
    return el("span", swatch, el("span", model, cls="model"), flag, cls="who")


def verdicts(run: RunTables, palette: Palette) -> Html:
    """Return a card per level-1 stem, and a line per sub-stem."""
    made = [key for key in run.level1 if made_by(run, key)]
    cards = [_card(verdict(run, key), palette) for key in made]
    absent = ", ".join(label(key) for key in run.level1 if key not in made)
    gap = el("p", f"No model of this run makes {absent}.", cls="note") if absent else None
    below = [verdict(run, key) for key in run.stems if key not in run.level1]
    lines = [el("li", found.sentence, [" " + text for text in found.cautions]) for found in below]
    level2 = el(
        "details", el("summary", f"Level 2 ({len(lines)} stems)"), el("ul", lines, cls="plain")
    )
    return join([el("div", cards, cls="cards"), gap, level2 if lines else None])


def _card(found: Verdict, palette: Palette) -> Html:
    sentence = found.sentence.removeprefix(f"{label(found.key)}: ")
    edge = f"--edge:{palette.variable(found.best)}" if found.best else None
    return el(
        "article",
        el("h3", label(found.key)),
        el("p", dot(palette, found.best), el("b", f"{db(found.score, 1)} dB"), cls="best")
        if found.best
        else None,
        el("p", sentence if found.best else sentence.capitalize()),
        el("p", found.blend, cls="blend") if found.blend else None,
        [el("p", text, cls="caution") for text in found.cautions],
        cls="card",
        style=edge,
    )


def leaderboards(run: RunTables, palette: Palette) -> Html:
    """Return the leaderboard of each stem."""
    level1 = [_board(run, key, palette) for key in run.level1]
    level2 = [_board(run, key, palette) for key in run.stems if key not in run.level1]
    below = [board for board in level2 if board]
    pairs = ledgers.comparisons(run)
    return join(
        [
            el("div", level1, cls="grid"),
            el("details", el("summary", "Level 2"), el("div", below, cls="grid"))
            if below
            else None,
            el("details", el("summary", "Every pair of models"), of_text(pairs, 3, titled=False))
            if pairs.rows
            else None,
        ]
    )


def _board(run: RunTables, key: StemKey, palette: Palette) -> Html | None:
    rows = sorted(run.rows("leaderboard", key), key=lambda row: row["rank"])
    if not rows:
        return None
    flagged = any(row["trained_here"] for row in rows)
    bounds = [
        value
        for row in finite(rows)
        for value in (row["mean_score"], row["low"], row["high"])
        if value is not None
    ]
    top = max(bounds, default=1.0)
    # one model that is far off must not press the others into a point
    limits = (max(min(bounds, default=0.0), top - _WIDEST_DB), top)
    columns: list[Child] = ["rank", "model", "ties", "score", "95 % interval", "s/min"]
    if flagged:
        columns[1:1] = ["clean"]
    lines = [_line(row, flagged, limits, palette) for row in rows]
    first = rows[0]
    counts = [counted(first["tracks"], "track"), counted(first["artists"], "artist")]
    note = ", ".join(counts) + (f"; {first['dropped']} left out." if first["dropped"] else ".")
    if flagged:
        note += " † was trained on this dataset; clean is the rank without such models."
    grid = table(columns, lines, label(key), "board", texts=3 if flagged else 2)
    return el("div", grid, el("p", note, cls="note"), cls="panel")


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
    return chr(ord("A") + group - 1) if group <= 26 else str(group)


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


def ledger(run: RunTables, sheet: Sheet) -> Html:
    """Return the regret ledger as figures, a table and definitions."""
    drawn = []
    accent = NEUTRAL["ink"][0]
    for key in run.stems:
        found = {row["level"]: row for row in finite(run.rows("regret", key))}
        rows = [
            found[level] for level in ledgers.LEVELS if level in found and level != "equal_models"
        ]
        if len(run.rows("leaderboard", key)) == 1 or not rows:
            continue  # without a choice all levels are the same
        names = [ledgers.LEVELS[row["level"]] for row in rows]
        alt = "; ".join(f"{n}: {db(r['mean_score'])} dB" for n, r in zip(names, rows, strict=True))
        chance = found.get("equal_models")
        title = label(key) + (
            f" (chance alone: {db(chance['gain'], sign=True)} dB)" if chance else ""
        )
        drawn.append(
            sheet.figure(
                f"regret-{slug_of(key)}",
                title,
                alt,
                figures.height_of(len(rows), 0.36),
                lambda axes, rows=rows, names=names: figures.intervals(  # type: ignore[misc]
                    axes, rows, names, [accent] * len(rows)
                ),
            )
        )
    made = ledgers.regret(run)
    if not made.rows:
        return Html("")
    words = [
        el("div", el("dt", ledgers.LEVELS[name]), el("dd", text))
        for name, text in LEVEL_WORDS.items()
    ]
    numbers = el("details", el("summary", "The ledger in numbers"), of_text(made, 2, titled=False))
    recipes = recipes_section(run.output)
    return join([el("dl", words, cls="words"), el("div", drawn, cls="figures"), numbers, recipes])


def fronts(run: RunTables, sheet: Sheet, palette: Palette) -> Html:
    """Return the quality–cost front of each stem."""
    drawn = []
    for key in run.stems:
        rows = finite(finite(run.rows("front", key)), "seconds_per_minute")
        rows.sort(key=lambda row: row["step"])
        if len(rows) < 2:
            continue
        alt = "; ".join(
            f"step {r['step']} adds {r['model']}: {db(r['mean_score'])} dB at "
            f"{db(r['seconds_per_minute'], 1)} s per minute"
            for r in rows
        )
        drawn.append(
            sheet.figure(
                f"front-{slug_of(key)}",
                label(key),
                alt,
                figures.height_of((len(rows) + 1) // 2, 0.2, 2.3),
                lambda axes, rows=rows: figures.front(axes, rows, palette),  # type: ignore[misc]
            )
        )
    made = ledgers.front(run)
    if not made.rows:
        return Html("")
    numbers = el("details", el("summary", "The front in numbers"), of_text(made, 4, titled=False))
    return join([el("div", drawn, cls="figures"), numbers])
