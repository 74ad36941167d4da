"""Sections 3 and 5: what to deploy, the regret ledger, quality against cost."""

from __future__ import annotations

from stemwise.report import ledgers
from stemwise.report.figures import charts
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import NEUTRAL, Palette
from stemwise.report.markup import Html, db, el, join, of_text
from stemwise.report.recipes import recipes_section
from stemwise.report.run_tables import RunTables, finite, label, slug_of

LEVEL_WORDS = {
    "best_single": "The model that is best on other tracks. What you get without any blending.",
    "recipe": "A blend fitted on other artists' tracks and scored on these. It can be deployed.",
    "track_oracle": "The best model of each track, chosen with its true stems: the paper's ensemble. "
    "It cannot be deployed.",
    "segment_oracle": "The same choice anew for each stretch of a track. It cannot be deployed.",
    "equal_models": "What the track oracle would seem to gain if all models were equally good on "
    "average: the part of its gain that is chance.",
}


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
                charts.height_of(len(rows), 0.36),
                lambda axes, rows=rows, names=names: charts.intervals(  # type: ignore[misc]
                    axes, rows, names, [accent] * len(rows)
                ),
            )
        )
    made, chosen = ledgers.regret(run), ledgers.deployment(run)
    if not made.rows:
        return of_text(chosen, 2) if chosen.rows else Html("")
    words = [
        el("div", el("dt", ledgers.LEVELS[name]), el("dd", text))
        for name, text in LEVEL_WORDS.items()
    ]
    numbers = el("details", el("summary", "The ledger in numbers"), of_text(made, 2, titled=False))
    recipes = recipes_section(run.output)
    deployed = of_text(chosen, 2) if chosen.rows else None
    figures_of_it = el("div", drawn, cls="figures")
    return join([deployed, el("dl", words, cls="words"), figures_of_it, numbers, recipes])


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
                charts.height_of((len(rows) + 1) // 2, 0.2, 2.3),
                lambda axes, rows=rows: charts.front(axes, rows, palette),  # type: ignore[misc]
            )
        )
    made = ledgers.front(run)
    if not made.rows:
        return Html("")
    numbers = el("details", el("summary", "The front in numbers"), of_text(made, 4, titled=False))
    return join([el("div", drawn, cls="figures"), numbers])
