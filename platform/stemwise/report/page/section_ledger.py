"""What blending is worth: the regret ledger, what each further model adds, and the recipes."""

from __future__ import annotations

from stemwise.report import ledgers
from stemwise.report.figures import charts
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import NEUTRAL
from stemwise.report.markup import Html, db, el, folded, join, of_text
from stemwise.report.recipes import recipes_section
from stemwise.report.run_tables import RunTables, StemKey, finite, label, slug_of

LEVEL_WORDS = {
    "best_single": "the model that is best on other artists' tracks",
    "recipe": "weights fitted on other artists' tracks, scored on these; this can be deployed",
    "cross_stem": "the same for the estimates of all stems, where the run measured and tried them",
    "track_oracle": "the best model of each track, picked by its true stems (the paper's ensemble); an "
    "upper bound that cannot be deployed",
    "segment_oracle": "the same, picked anew for each segment",
    "equal_models": "what the track oracle would gain by chance if all models were equally good",
}


_SAME = "One model is the best of every stem throughout, so there is nothing to gain."


def ledger(run: RunTables, sheet: Sheet) -> Html:
    """Return the regret ledger as figures, tables and definitions."""
    made, steps, chosen = ledgers.regret(run), ledgers.front(run), ledgers.deployment(run)
    deployed = folded("What to deploy, in numbers", of_text(chosen, 2, titled=False), chosen.rows)
    recipes = recipes_section(run.output)
    if not made.rows:
        return join([recipes, deployed])
    levels = {*run["regret"]["level"].to_list(), *(LEVEL_WORDS.keys() - {"cross_stem"})}
    words = [
        el("div", el("dt", ledgers.LEVELS[name]), el("dd", text))
        for name, text in LEVEL_WORDS.items()
        if name in levels
    ]
    drawn = [shown for key in run.stems if (shown := _figure(run, key, sheet))]
    return join(
        [
            el("dl", words, cls="words"),
            el("div", drawn, cls="figures") if drawn else el("p", _SAME, cls="note"),
            folded("The ledger in numbers", of_text(made, 2, titled=False), made.rows),
            folded("What each further model adds", of_text(steps, 4, titled=False), steps.rows),
            deployed,
            recipes,
        ]
    )


def _figure(run: RunTables, key: StemKey, sheet: Sheet) -> Html | None:
    found = {row["level"]: row for row in finite(run.rows("regret", key))}
    rows = [found[level] for level in ledgers.LEVELS if level in found and level != "equal_models"]
    if len({db(row["mean_score"]) for row in rows}) < 2:
        return (
            None  # without a choice, or where one model is best everywhere, all levels are the same
        )
    names = [ledgers.LEVELS[row["level"]] for row in rows]
    alt = "; ".join(f"{n}: {db(r['mean_score'])} dB" for n, r in zip(names, rows, strict=True))
    chance = found.get("equal_models")
    title = label(key) + (f" (chance: {db(chance['gain'], sign=True)} dB)" if chance else "")
    accent = NEUTRAL["ink"][0]
    return sheet.figure(
        f"regret-{slug_of(key)}",
        title,
        alt,
        charts.height_of(len(rows), 0.36),
        lambda axes: charts.intervals(axes, rows, names, [accent] * len(rows)),
    )
